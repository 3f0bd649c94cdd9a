// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/redact.h"

#include <string_view>
#include <vector>

#include <google/protobuf/text_format.h>

#include "base/strings.h"
#include "csi.pb.h"

namespace rbdcrypt::csi {
namespace {

namespace proto = ::google::protobuf;

bool IsHidden(const proto::FieldDescriptor& field) {
  return field.options().GetExtension(::csi::v1::csi_secret) || field.name() == "mount_flags";
}

void AppendQuoted(std::string_view text, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out.push_back('"');
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f || character == '"' || character == '\\') {
      out.append({'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 0xfU]});
    } else {
      out.push_back(character);
    }
  }
  out.push_back('"');
}

// Walks one message and those within it; gives up quietly once the text is long enough.
class Printer {
 public:
  explicit Printer(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  void Print(const proto::Message& message) {
    std::vector<const proto::FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    bool is_first = true;
    for (const proto::FieldDescriptor* field : fields) {
      if (IsFull()) {
        return;
      }
      if (!is_first) {
        text_.push_back(' ');
      }
      is_first = false;
      PrintField(message, *field);
    }
  }

  std::string Take() && {
    if (text_.size() > max_bytes_) {
      text_.resize(max_bytes_);
      text_.append("...");
    }
    return std::move(text_);
  }

 private:
  bool IsFull() const { return text_.size() > max_bytes_; }

  void PrintField(const proto::Message& message, const proto::FieldDescriptor& field) {
    const int count = field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) : 1;
    text_.append(field.name());
    text_.push_back('=');
    if (IsHidden(field)) {
      text_.append(Cat("[", count, " hidden]"));
      return;
    }
    if (!field.is_repeated()) {
      PrintValue(message, field, -1);
      return;
    }
    text_.push_back('[');
    for (int index = 0; index < count && !IsFull(); ++index) {
      text_.append(index == 0 ? "" : " ");
      PrintValue(message, field, index);
    }
    text_.push_back(']');
  }

  // `index` is -1 for a field that is not repeated.
  void PrintValue(const proto::Message& message, const proto::FieldDescriptor& field, int index) {
    const proto::Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == proto::FieldDescriptor::CPPTYPE_MESSAGE) {
      text_.push_back('{');
      Print(index < 0 ? reflection.GetMessage(message, &field)
                      : reflection.GetRepeatedMessage(message, &field, index));
      text_.push_back('}');
    } else if (field.cpp_type() == proto::FieldDescriptor::CPPTYPE_STRING) {
      std::string scratch;
      AppendQuoted(index < 0
                       ? reflection.GetStringReference(message, &field, &scratch)
                       : reflection.GetRepeatedStringReference(message, &field, index, &scratch),
                   text_);
    } else {
      std::string number;
      proto::TextFormat::PrintFieldValueToString(message, &field, index, &number);
      text_.append(number);
    }
  }

  const std::size_t max_bytes_;
  std::string text_;
};

}  // namespace

std::string Redact(const proto::Message& message, std::size_t max_bytes) {
  Printer printer(max_bytes);
  printer.Print(message);
  return std::move(printer).Take();
}

}  // namespace rbdcrypt::csi
