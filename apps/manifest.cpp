#include "apps/manifest.h"

#include <algorithm>

#include "apps/output.h"
#include "core/digest.h"
#include "core/json.h"

namespace lw {
namespace {

constexpr std::string_view format = "longwave-checkpoint";
constexpr std::string_view last_key = "\"manifest_sha256\":\"";
constexpr std::string_view last_bytes = "\"}\n";
constexpr size_t digest_size = 64;

Json to_json(const Manifest::File& file) {
  return {{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

Json to_json(const Manifest::Tensor& tensor) {
  return {{"name", tensor.name},
          {"file", tensor.file},
          {"shape", Json(std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end()))},
          {"dtype", name_of(tensor.dtype)},
          {"offset", tensor.offset},
          {"xxh3_128", tensor.xxh3}};
}

/// An array with one element a line.
template <class T>
std::string lines(const std::vector<T>& elements) {
  std::string text = "[";
  for (const T& element : elements)
    text += (text.size() == 1 ? "\n" : ",\n") + canonical_json(to_json(element));
  return text + "\n]";
}

/// Reads the members of one JSON object.
struct Members {
  const Json& object;
  const std::string& place;
  int64_t integer(const char* key) const { return json_member<int64_t>(object, key, place); }
  std::string text(const char* key) const { return json_member<std::string>(object, key, place); }
  Json::array_t array(const char* key) const {
    return json_member<Json::array_t>(object, key, place);
  }
  [[noreturn]] void refuse(const std::string& text) const {
    throw Error(str(place, ": error: ", text), ErrorKind::data);
  }
};

/// A name in the folder of the checkpoint, not a way out of it.
std::string plain_name(const Members& in, const char* key) {
  std::string name = in.text(key);
  if (name.empty() || name.starts_with('.') || name.find('/') != name.npos ||
      name.find('\0') != name.npos)
    in.refuse(str("`", name, "` is not the name of a file of a checkpoint"));
  return name;
}

DType dtype_of_name(const Members& in) {
  const std::string name = in.text("dtype");
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::c64, DType::c128,
                            DType::i32, DType::i64, DType::u8})
    if (name_of(dtype) == name) return dtype;
  in.refuse(str("unknown dtype `", name, "`"));
}

Shape shape_of(const Members& in) {
  std::vector<int64_t> sizes;
  int64_t bytes = size_of(DType::c128);
  for (const Json& size : in.array("shape")) {
    const bool valid = size.is_number_integer() && size.get<int64_t>() >= 0 &&
                       !__builtin_mul_overflow(bytes, size.get<int64_t>(), &bytes);
    if (!valid || sizes.size() == Shape::max_rank) in.refuse("a tensor's shape is not valid");
    sizes.push_back(size.get<int64_t>());
  }
  return Shape(sizes);
}

}  // namespace

const Manifest::File* Manifest::find(std::string_view file) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const File& candidate) { return candidate.name == file; });
  return found == files.end() ? nullptr : &*found;
}

std::string manifest_text(const Manifest& manifest) {
  std::string text = "{\n";
  const auto line = [&](const char* key, const auto& value) {
    text += str('"', key, "\":", canonical_json(value), ",\n");
  };
  line("format", format);
  line("version", manifest.version);
  line("min_reader", manifest.min_reader);
  line("step", manifest.step);
  line("world_size", manifest.world_size);
  text += str("\"run_id\":", dump(manifest.run_id), ",\n");
  line("config_sha256", manifest.config_sha256);
  line("data_fingerprint", manifest.data_fingerprint);
  line("parent", manifest.parent);
  text += "\"files\":" + lines(manifest.files) + ",\n";
  text += "\"tensors\":" + lines(manifest.tensors) + ",\n";
  line("complete", true);
  return str(text, last_key, sha256(text), last_bytes);
}

Manifest parse_manifest(std::string_view text, const std::string& place) {
  const Json json = Json::object();
  const Members top{json, place};
  const size_t tail = last_key.size() + digest_size + last_bytes.size();
  if (text.size() < tail) top.refuse("the manifest is cut short");
  const std::string_view body = text.substr(0, text.size() - tail);
  const std::string digest = sha256(body);
  if (text.substr(body.size()) != str(last_key, digest, last_bytes))
    top.refuse("the manifest is damaged: its bytes do not have the digest in its last line");

  const Json object = parse_json(text, place);
  const Members in{object, place};
  if (in.text("format") != format) in.refuse(str("expected the format ", format));
  Manifest manifest;
  manifest.min_reader = in.integer("min_reader");
  if (manifest.min_reader > Manifest::current_version)
    in.refuse(str("written by a newer Longwave: it needs a reader of version ", manifest.min_reader,
                  ", this one is version ", Manifest::current_version));
  if (!json_member<bool>(object, "complete", place)) in.refuse("the checkpoint is incomplete");
  manifest.digest = digest;
  manifest.version = in.integer("version");
  manifest.step = in.integer("step");
  manifest.world_size = in.integer("world_size");
  manifest.run_id = in.text("run_id");
  manifest.config_sha256 = in.text("config_sha256");
  manifest.data_fingerprint = in.text("data_fingerprint");
  manifest.parent = in.text("parent");
  for (const Json& entry : in.array("files")) {
    const Members file{entry, place};
    manifest.files.push_back(
        {plain_name(file, "name"), file.integer("bytes"), file.text("sha256")});
  }
  for (const Json& entry : in.array("tensors")) {
    const Members tensor{entry, place};
    manifest.tensors.push_back({tensor.text("name"), plain_name(tensor, "file"), shape_of(tensor),
                                dtype_of_name(tensor), tensor.integer("offset"),
                                tensor.text("xxh3_128")});
    if (!manifest.find(manifest.tensors.back().file))
      in.refuse(str("a tensor is in `", manifest.tensors.back().file, "`, which is not listed"));
  }
  return manifest;
}

}  // namespace lw
