// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace rbdcrypt {

// Walks over a JSON text (RFC 8259) and checks it on the way; copies nothing. Each Skip stands at
// what it is to skip; false leaves it at the byte that is wrong. The text must outlive it. Not
// thread safe.
class JsonScanner {
 public:
  // For each item: its quoted name, or "" in an array, and its value; false ends the walk.
  using Visit = std::function<bool(std::string_view quoted_name, std::string_view value)>;

  JsonScanner(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

  std::size_t position() const { return position_; }

  // Whether it stopped because of the nesting, and not of a byte.
  bool too_deep() const { return too_deep_; }

  bool AtEnd() const { return position_ == text_.size(); }

  // The text between `start` and here.
  std::string_view Since(std::size_t start) const { return text_.substr(start, position_ - start); }

  void SkipSpace();

  // A value that stands within `depth` objects and arrays.
  bool SkipValue(int depth = 0);

  // An object or array, at a "{" or "[", that is the `depth`-th around its items.
  bool SkipItems(int depth, const Visit& visit);

 private:
  // 0 at the end: a NUL is nowhere allowed, so nothing takes one for the other.
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }

  bool Skip(char wanted);
  bool SkipItem(bool named, int depth, const Visit& visit);
  bool SkipString();
  bool SkipCharacter();
  bool SkipEscape();
  bool SkipWord(std::string_view word);
  bool SkipDigits();
  bool SkipNumber();

  std::string_view text_;
  int max_depth_;
  std::size_t position_ = 0;
  bool too_deep_ = false;
};

// Unescapes a string that was checked, with its quotes, into `out`, which has room for as many
// bytes as there are between the quotes: no escape is shorter than what it stands for. Returns the
// place behind the last one written.
char* UnescapeJson(std::string_view quoted, char* out);

}  // namespace rbdcrypt
