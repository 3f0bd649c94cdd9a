// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// The KV engines of the Vault in memory.
#include <string>
#include <string_view>

#include "base/strings.h"
#include "tests/fakes/fake_vault.h"

namespace rbdcrypt::testing {

using Json = nlohmann::json;

net::HttpAnswer FakeVault::Kv(const Routed& request, Mounts& mounts) {
  const std::string whole = request.ns.empty() ? request.path : Cat(request.ns, "/", request.path);
  for (auto& [path, mount] : mounts) {
    if (Under(whole, path)) {
      const std::string rest = Below(whole, path);
      return mount.version == 2 ? Kv2(request, mount, rest) : Kv1(request, mount, rest);
    }
  }
  return Error(404, Cat("no handler for route \"", request.path, "\". route entry not found."));
}

net::HttpAnswer FakeVault::Kv1(const Routed& request, Mount& mount, const std::string& rest) {
  if (request.method == "DELETE") {
    mount.one.erase(rest);
    return Empty();
  }
  if (request.method == "GET") {
    const auto found = mount.one.find(rest);
    return found == mount.one.end() ? Error(404) : Reply(200, {{"data", found->second}});
  }
  mount.one[rest] = request.body;
  return Empty();
}

net::HttpAnswer FakeVault::Kv2(const Routed& request, Mount& mount, const std::string& rest) {
  const std::string area = rest.substr(0, rest.find('/'));
  const std::string path = Below(rest, area);
  const auto found = mount.two.find(path);
  if (area == "data" && request.method == "GET") {
    return Read2(request, found == mount.two.end() ? nullptr : &found->second);
  }
  if (area == "data" && request.method == "DELETE") {
    if (found != mount.two.end() && !found->second.versions.empty()) {
      found->second.versions.back().is_deleted = true;
      found->second.versions.back().deletion_time = "2026-01-01T00:00:00Z";
    }
    return Empty();
  }
  if (area == "data") {
    return Write2(request, mount.two[path]);
  }
  if (area == "metadata" && request.method == "DELETE") {
    mount.two.erase(path);
    return Empty();
  }
  if (area == "metadata" && found != mount.two.end()) {
    found->second.custom_metadata = request.body.value("custom_metadata", Json());
    return Empty();
  }
  if (area == "destroy" && found != mount.two.end()) {
    for (const Json& version : request.body.value("versions", Json::array())) {
      const std::size_t number = version.get<std::size_t>();
      if (number >= 1 && number <= found->second.versions.size()) {
        found->second.versions[number - 1].is_destroyed = true;
      }
    }
    return Empty();
  }
  return Reply(404, {{"data", Json()},
                     {"warnings",
                      {"Invalid path for a versioned K/V secrets engine. See the API "
                       "docs for the appropriate API endpoints to use."}}});
}

Json FakeVault::MetadataOf(const Secret2& secret, std::size_t version) {
  const Version& at = secret.versions[version - 1];
  return {{"version", version},
          {"created_time", "2026-01-01T00:00:00Z"},
          {"deletion_time", at.deletion_time},
          {"destroyed", at.is_destroyed},
          {"custom_metadata", secret.custom_metadata}};
}

net::HttpAnswer FakeVault::Read2(const Routed& request, const Secret2* secret) {
  const std::string_view query = request.query;
  const std::uint64_t asked =
      query.starts_with("version=") ? ParseUint64(query.substr(8)).value_or(0) : 0;
  const std::size_t count = secret == nullptr ? 0 : secret->versions.size();
  const std::size_t version = asked == 0 ? count : asked;
  if (version == 0 || version > count) {
    return Error(404);
  }
  const Version& at = secret->versions[version - 1];
  const bool is_gone = at.is_deleted || at.is_destroyed;
  return Reply(
      is_gone ? 404 : 200,
      {{"data",
        {{"data", is_gone ? Json() : at.object}, {"metadata", MetadataOf(*secret, version)}}}});
}

net::HttpAnswer FakeVault::Write2(const Routed& request, Secret2& secret) {
  if (!request.body.is_object() || !request.body.contains("data")) {
    return Error(400, "no data provided");
  }
  const Json options = request.body.value("options", Json::object());
  if (options.contains("cas") && options["cas"].get<std::size_t>() != secret.versions.size()) {
    return Error(400, "check-and-set parameter did not match the current version");
  }
  Version version;
  version.object = request.body["data"];
  secret.versions.push_back(version);
  return Reply(200, {{"data", MetadataOf(secret, secret.versions.size())}});
}

}  // namespace rbdcrypt::testing
