// Loading a checkpoint: digests first, then shapes, then the bytes.
#include "apps/checkpoint.h"
#include "apps/checkpoint_files.h"
#include "core/digest.h"
#include "core/error.h"

namespace lw {
namespace {

constexpr std::string_view params_prefix = "/params/";
constexpr std::string_view buffers_prefix = "/buffers/";

/// One verified file of a checkpoint.
class Part {
 public:
  Part(const Path& folder, const Manifest& manifest, const char* name)
      : path_(folder / name), name_(name), manifest_(manifest), reader_(path_, Links::refuse) {}

  const Hdf5Reader& reader() const { return reader_; }

  /// Calls f(name, path, tensor) for each tensor of the file whose path starts with `prefix`, which
  /// `name` lacks.
  template <class F>
  void for_tensors(std::string_view prefix, F&& f) const {
    for (const Manifest::Tensor& entry : manifest_.tensors)
      if (entry.file == name_ && entry.name.starts_with(prefix))
        f(entry.name.substr(prefix.size()), entry.name, tensor(entry));
  }

 private:
  Tensor tensor(const Manifest::Tensor& entry) const {
    Tensor tensor = reader_.tensor(entry.name, entry.shape, entry.dtype);
    if (xxh3(tensor) != entry.xxh3)
      throw Error(
          str(path_.string(), ": error: ", entry.name, " does not have the digest in the manifest"),
          ErrorKind::data);
    return tensor;
  }

  Path path_;
  std::string name_;
  const Manifest& manifest_;
  Hdf5Reader reader_;
};

/// The attributes that the saver gave: those that every tensor or file has are left out.
Attributes given(Attributes attributes, std::initializer_list<const char*> ours) {
  for (const char* name : ours) attributes.erase(name);
  return attributes;
}

void load_model(const Part& part, CheckpointContent& content) {
  content.attributes =
      given(part.reader().attributes("/"), {"format", "version", "kind", "step", "config_sha256"});
  content.config = part.reader().text("/config");
  const auto load = [&](std::string_view prefix, std::map<std::string, StoredTensor>& to) {
    part.for_tensors(prefix, [&](std::string name, const std::string& path, Tensor tensor) {
      to[std::move(name)] = {std::move(tensor),
                             given(part.reader().attributes(path), {"dtype", "xxh3_128"})};
    });
  };
  load(params_prefix, content.params);
  load(buffers_prefix, content.buffers);
  part.for_tensors(checkpoint::texts, [&](std::string name, const std::string&, Tensor bytes) {
    const auto* text = reinterpret_cast<const char*>(bytes.data<uint8_t>());
    content.attributes[std::move(name)] = std::string(text, static_cast<size_t>(bytes.numel()));
  });
}

void load_optimizer(const Part& part, OptimizerState& optimizer) {
  Attributes attributes = part.reader().attributes("/");
  if (const auto* type = std::get_if<std::string>(&attributes["type"])) optimizer.type = *type;
  optimizer.attributes = given(attributes, {"format", "version", "kind", "step", "type"});
  const size_t groups = part.reader().groups("/groups").size();
  for (size_t i = 0; i < groups; ++i)
    optimizer.groups.push_back(part.reader().attributes(str("/groups/", i)));
  for (const std::string& name : part.reader().groups("/state"))
    part.for_tensors(str("/state/", name, "/"),
                     [&](std::string slot, const std::string&, Tensor tensor) {
                       optimizer.tensors[name][std::move(slot)] = std::move(tensor);
                     });
}

void load_state(const Part& part, std::map<std::string, StateGroup>& state) {
  for (const std::string& name : part.reader().groups("/")) {
    StateGroup& group = state[name];
    group.attributes = part.reader().attributes("/" + name);
    part.for_tensors(str("/", name, "/"), [&](std::string key, const std::string&, Tensor tensor) {
      group.tensors[std::move(key)] = std::move(tensor);
    });
  }
}

/// A heading and the first lines of a list.
class Section {
 public:
  explicit Section(const char* heading) : heading_(heading) {}
  template <class... Parts>
  void add(const Parts&... parts) {
    if (++count_ <= most) lines_ += str("\n    ", parts...);
  }
  std::string text() const {
    if (count_ == 0) return "";
    return str("\n  ", heading_, lines_,
               count_ > most ? str("\n    and ", count_ - most, " more") : "");
  }

 private:
  static constexpr int most = 10;
  const char* heading_;
  std::string lines_;
  int count_ = 0;
};

/// Refuses a checkpoint whose parameters are not those that the model expects.
void require_params(const Path& folder, const Manifest& manifest,
                    const std::vector<TensorSpec>& specs) {
  std::map<std::string, const Manifest::Tensor*> stored;
  for (const Manifest::Tensor& tensor : manifest.tensors)
    if (tensor.file == checkpoint::model_file && tensor.name.starts_with(params_prefix))
      stored[tensor.name.substr(params_prefix.size())] = &tensor;

  Section missing("in the model, not in the checkpoint:");
  Section unexpected("in the checkpoint, not in the model:");
  Section different("of another shape or dtype:");
  for (const TensorSpec& spec : specs) {
    const auto found = stored.find(spec.name);
    if (found == stored.end()) {
      missing.add(spec.name, ' ', spec.dtype, ' ', spec.shape);
      continue;
    }
    const Manifest::Tensor& tensor = *found->second;
    if (tensor.shape != spec.shape || tensor.dtype != spec.dtype)
      different.add(spec.name, ": the model has ", spec.dtype, ' ', spec.shape, ", the checkpoint ",
                    tensor.dtype, ' ', tensor.shape);
    stored.erase(found);
  }
  for (const auto& [name, tensor] : stored)
    unexpected.add(name, ' ', tensor->dtype, ' ', tensor->shape);

  const std::string differences = missing.text() + unexpected.text() + different.text();
  if (!differences.empty())
    throw Error(
        str(folder.string(), ": error: the checkpoint's parameters are not those of the model",
            differences, "\n  a model is built as it was saved from the config in the checkpoint"),
        ErrorKind::data);
}

}  // namespace

CheckpointContent load_checkpoint(const Path& folder, const LoadOptions& options) {
  const auto problems = verify_checkpoint(folder, options.model_only ? checkpoint::model_file : "");
  if (!problems.empty())
    throw Error(str(folder.string(), ": error: ", text_of(problems)), ErrorKind::data);
  const Manifest manifest = read_manifest(folder);
  if (options.params) require_params(folder, manifest, *options.params);

  CheckpointContent content;
  content.step = manifest.step;
  content.data_fingerprint = manifest.data_fingerprint;
  load_model(Part(folder, manifest, checkpoint::model_file), content);
  if (options.model_only) return content;
  load_optimizer(Part(folder, manifest, checkpoint::optimizer_file), content.optimizer);
  load_state(Part(folder, manifest, checkpoint::state_file), content.state);
  return content;
}

}  // namespace lw
