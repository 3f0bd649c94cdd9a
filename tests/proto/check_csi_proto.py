#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Compares proto/csi.proto with the specification's own list (csi_1_12.txt).

Usage: check_csi_proto.py PROTOC PROTO TABLE

Compiles the proto, reads the descriptor back as text (protoc --decode, so that no Python package
is needed) and prints every line that only one side has. Exit status 1 if there is any.
"""
import os
import re
import subprocess
import sys
import tempfile

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}:]|[^\s{}:]+')
SECRET_OPTION = "1059"  # csi_secret, as the decoder names an extension it does not know.


def parse(text):
    """Text format to nested lists of (key, value); a value is a string or such a list."""
    tokens = iter(TOKEN.findall(text))

    def block():
        items = []
        for token in tokens:
            if token == "}":
                break
            following = next(tokens)
            value = block() if following == "{" else next(tokens).strip('"')
            items.append((token, value))
        return items

    return block()


def every(items, key):
    return [value for name, value in items if name == key]


def one(items, key, default=""):
    return (every(items, key) or [default])[0]


def local(name):
    name = name.removeprefix(".")
    return name.removeprefix("csi.v1.")


def map_entries(message, path):
    """Names of the generated entry types of map fields -> map<key,value>."""
    found = {}
    for nested in every(message, "nested_type"):
        if one(one(nested, "options", []), "map_entry") == "true":
            types = [type_of(field, {}) for field in every(nested, "field")]
            found[f"{path}.{one(nested, 'name')}"] = "map<%s,%s>" % tuple(types)
    return found


def type_of(field, maps):
    kind = one(field, "type")
    if kind not in ("TYPE_MESSAGE", "TYPE_ENUM"):
        return kind.removeprefix("TYPE_").lower()
    return maps.get(local(one(field, "type_name")), local(one(field, "type_name")))


def field_line(path, message, field):
    maps = map_entries(message, path)
    kind = type_of(field, maps)
    if one(field, "label") == "LABEL_REPEATED" and not kind.startswith("map<"):
        kind = "repeated " + kind
    line = f"field {path}.{one(field, 'name')} = {one(field, 'number')} : {kind}"
    if every(field, "oneof_index"):
        oneof = every(message, "oneof_decl")[int(one(field, "oneof_index"))]
        line += f" oneof={one(oneof, 'name')}"
    if one(one(field, "options", []), SECRET_OPTION) == "1":
        line += " csi_secret"
    return line


def enum_lines(path, enum):
    name = path + one(enum, "name")
    return [f"value {name}.{one(v, 'name')} = {one(v, 'number', '0')}" for v in every(enum, "value")]


def message_lines(path, message):
    lines = [f"message {path}"]
    lines += [field_line(path, message, field) for field in every(message, "field")]
    for enum in every(message, "enum_type"):
        lines += enum_lines(path + ".", enum)
    for nested in every(message, "nested_type"):
        if one(one(nested, "options", []), "map_entry") != "true":
            lines += message_lines(f"{path}.{one(nested, 'name')}", nested)
    return lines


def method_line(service, method):
    stream = "stream " if one(method, "server_streaming") == "true" else ""
    return "rpc %s.%s : %s -> %s%s" % (
        one(service, "name"), one(method, "name"), local(one(method, "input_type")), stream,
        local(one(method, "output_type")))


def describe(file):
    lines = []
    for message in every(file, "message_type"):
        lines += message_lines(one(message, "name"), message)
    for enum in every(file, "enum_type"):
        lines += enum_lines("", enum)
    for service in every(file, "service"):
        lines += [method_line(service, method) for method in every(service, "method")]
    for option in every(file, "extension"):
        lines.append("option %s.%s = %s : %s" % (
            one(option, "extendee").removeprefix("."), one(option, "name"),
            one(option, "number"), type_of(option, {})))
    return lines


def descriptor_text(protoc, proto):
    folder, name = os.path.split(os.path.abspath(proto))
    include = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(protoc))), "include")
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "set")
        subprocess.run([protoc, f"-I{folder}", f"-I{include}", f"--descriptor_set_out={path}", name],
                       check=True)
        with open(path, "rb") as data:
            done = subprocess.run(
                [protoc, f"-I{include}", "--decode=google.protobuf.FileDescriptorSet",
                 "google/protobuf/descriptor.proto"], stdin=data, check=True, capture_output=True)
    return done.stdout.decode()


def main():
    protoc, proto, table = sys.argv[1:]
    files = every(parse(descriptor_text(protoc, proto)), "file")
    if [one(file, "package") for file in files] != ["csi.v1"]:
        sys.exit("expected exactly one file, of package csi.v1")
    with open(table, encoding="utf-8") as lines:
        expected = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    actual = set(describe(files[0]))
    for line in sorted(expected - actual):
        print("missing in the proto:  ", line)
    for line in sorted(actual - expected):
        print("not in specification: ", line)
    if expected != actual:
        sys.exit(1)
    print(f"{len(actual)} facts agree")


if __name__ == "__main__":
    main()
