// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_list.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "base/secret_json.h"
#include "base/strings.h"
#include "k8s/fields.h"
#include "k8s/rest_request.h"
#include "k8s/watch_stream.h"

namespace rbdcrypt::k8s {
namespace {

// Objects a page, as client-go (tools/pager, defaultPageSize).
constexpr std::string_view kPageSize = "500";

// 500 objects of 128 KiB; a page of PersistentVolumes has 2 MiB.
constexpr std::size_t kMaxPageBytes = 64U << 20;

// How often the list starts over before it is asked for whole.
constexpr int kMaxExpiredLists = 2;

// Collects the pages of one list.
class Lister {
 public:
  Lister(const RestSender& sender,
         const ApiCall& call,
         const Selection& selection,
         std::size_t max_bytes)
      : sender_(sender), call_(call), selection_(selection), max_bytes_(max_bytes) {}

  Result<ObjectList> Run(const Context& context) {
    ASSIGN_OR_RETURN(path_, CollectionPath(call_.resource, selection_.ns));
    while (true) {
      const Status status = NextPage(context);
      if (IsExpired(status) && !continue_.empty()) {
        ++expired_;
        continue_.clear();
        list_ = ObjectList();
        bytes_ = 0;
        continue;
      }
      RETURN_IF_ERROR(status);
      if (continue_.empty()) {
        return std::move(list_);
      }
    }
  }

 private:
  Status NextPage(const Context& context) {
    QueryPairs query = SelectionQuery(selection_);
    query.emplace_back("limit", expired_ < kMaxExpiredLists ? kPageSize : "");
    query.emplace_back("continue", continue_);
    net::HttpRequest request = NewRequest("GET", call_.resource, Cat(path_, Query(query)));
    request.max_answer_bytes = kMaxPageBytes;
    if (selection_.identity_only) {
      SetAccept(request, kMetadataListType);
    }
    ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                     sender_.Send(context, call_, std::move(request), true));
    bytes_ += answer.BodyText().size();
    if (bytes_ > max_bytes_) {
      return Internal(Cat(call_.Text(), ": the list is longer than ", max_bytes_, " bytes"));
    }
    return selection_.identity_only ? TakeIdentities(answer) : TakeObjects(answer);
  }

  Status TakeObjects(const net::HttpAnswer& answer) {
    ASSIGN_OR_RETURN(Json page, ObjectIn(call_, answer));
    RETURN_IF_ERROR(TakeMeta(Fields(page, "list").Part("metadata")));
    const auto items = page.find("items");
    // In Go a list of none may be null; one that is absent is something else's answer.
    if (items != page.end() && items->is_null()) {
      return OkStatus();
    }
    if (items == page.end() || !items->is_array()) {
      return Internal(Cat(call_.Text(), ": the answer has no array \"items\""));
    }
    for (Json& item : *items) {
      list_.items.push_back(std::move(item));
    }
    return OkStatus();
  }

  Status TakeIdentities(const net::HttpAnswer& answer) {
    const Result<SecretJson> page = SecretJson::Parse(answer.BodyText(), "the API server's answer");
    const std::optional<SecretJson> meta = page.ok() ? page->Find({"metadata"}) : std::nullopt;
    const Result<Json> list_meta = ParseJson(meta.has_value() ? meta->Raw() : "", "the metadata");
    if (!list_meta.ok()) {
      return NoList();
    }
    RETURN_IF_ERROR(TakeMeta(Fields(*list_meta, "list.metadata")));
    bool has_items = false;
    RETURN_IF_ERROR(page->ForEach([&](std::string_view name, const SecretJson& value) {
      has_items = has_items || name == "items";
      return name == "items" ? TakeItems(value) : OkStatus();
    }));
    return has_items ? OkStatus() : NoList();
  }

  Status TakeItems(const SecretJson& items) {
    if (items.type() != SecretJson::Type::kArray) {
      return items.type() == SecretJson::Type::kNull ? OkStatus() : NoList();
    }
    return items.ForEach([&](std::string_view, const SecretJson& item) -> Status {
      ASSIGN_OR_RETURN(Json identity, IdentityOf(item.Raw()));
      list_.items.push_back(std::move(identity));
      return OkStatus();
    });
  }

  Status TakeMeta(Fields meta) {
    continue_ = meta.Text("continue");
    list_.resource_version = meta.Text("resourceVersion");
    if (!meta.status().ok() || list_.resource_version.empty()) {
      return NoList();
    }
    return OkStatus();
  }

  Status NoList() const { return Internal(Cat(call_.Text(), ": the answer is no list")); }

  const RestSender& sender_;
  const ApiCall& call_;
  const Selection& selection_;
  const std::size_t max_bytes_;
  // Of the pages so far.
  std::size_t bytes_ = 0;
  std::string path_;
  std::string continue_;
  int expired_ = 0;
  ObjectList list_;
};

}  // namespace

Result<ObjectList> ListPages(const Context& context,
                             const RestSender& sender,
                             const ApiCall& call,
                             const Selection& selection,
                             std::size_t max_bytes) {
  return Lister(sender, call, selection, max_bytes).Run(context);
}

}  // namespace rbdcrypt::k8s
