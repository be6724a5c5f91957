// Saving a checkpoint: the protocol that leaves it whole or absent.
#include <algorithm>

#include "apps/checkpoint.h"
#include "apps/checkpoint_files.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/log.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

/// One file of a checkpoint while it is written; knows what the manifest will say of it.
class PartFile {
 public:
  PartFile(const Path& folder, const char* name, const char* kind, Attributes attributes)
      : path_(folder / name), name_(name), writer_(path_) {
    attributes["format"] = "longwave-checkpoint";
    attributes["version"] = Manifest::current_version;
    attributes["kind"] = kind;
    writer_.attributes("/", attributes);
  }

  void group(const std::string& name, const Attributes& attributes = {}) {
    writer_.group(name);
    writer_.attributes(name, attributes);
  }

  void tensor(const std::string& name, const Tensor& tensor, Attributes attributes = {}) {
    check(tensor.defined(), "save_checkpoint: the tensor ", name, " is undefined");
    std::string digest = xxh3(tensor);
    attributes["dtype"] = std::string(name_of(tensor.dtype()));
    attributes["xxh3_128"] = digest;
    writer_.tensor(name, tensor);
    writer_.attributes(name, attributes);
    tensors_.push_back({name, name_, tensor.shape(), tensor.dtype(), 0, std::move(digest)});
  }

  void text(const std::string& name, const std::string& text) {
    writer_.text(name, text);
    texts_.emplace_back(name, text);
  }

  /// Completes the file, reads it back from the disk and adds it to the manifest.
  void finish(Manifest& manifest) {
    writer_.finish();
    const InputFile file(path_, Links::refuse);
    const Hdf5Reader reader(path_, Links::refuse);
    for (Manifest::Tensor& tensor : tensors_) {
      const Hdf5Dataset stored = reader.dataset(tensor.name);
      tensor.offset = stored.offset;
      if (stored.shape != tensor.shape || stored.dtype != tensor.dtype ||
          xxh3_of_file(file, tensor.offset, tensor.bytes()) != tensor.xxh3)
        fail(tensor.name);
      manifest.tensors.push_back(tensor);
    }
    for (const auto& [name, text] : texts_)
      if (reader.text(name) != text) fail(name);
    manifest.files.push_back({name_, file.bytes(), sha256_of_file(file)});
  }

 private:
  [[noreturn]] void fail(const std::string& name) const {
    throw Error(str(path_.string(), ": error: ", name, " is not on the disk as it was written"),
                ErrorKind::disk);
  }

  Path path_;
  std::string name_;
  Hdf5Writer writer_;
  std::vector<Manifest::Tensor> tensors_;
  std::vector<std::pair<std::string, std::string>> texts_;
};

/// `name` as one component of a path within a file.
const std::string& component(const std::string& name) {
  check(!name.empty() && name != "." && name.find('/') == name.npos, "save_checkpoint: `", name,
        "` cannot name a tensor or a group");
  return name;
}

Tensor bytes_of(const std::string& text) {
  Tensor bytes = Tensor::empty({std::ssize(text)}, DType::u8, host);
  std::copy(text.begin(), text.end(), bytes.data<uint8_t>());
  return bytes;
}

/// Takes the texts out of `attributes` that no attribute can hold.
std::map<std::string, Tensor> take_texts(Attributes& attributes) {
  std::map<std::string, Tensor> texts;
  for (auto at = attributes.begin(); at != attributes.end();) {
    const auto* text = std::get_if<std::string>(&at->second);
    const bool taken = text != nullptr && !fits_attribute(*text);
    if (taken) texts[at->first] = bytes_of(*text);
    at = taken ? attributes.erase(at) : std::next(at);
  }
  return texts;
}

void write_model(const Path& folder, const CheckpointContent& content, Manifest& manifest) {
  Attributes attributes = content.attributes;
  const std::map<std::string, Tensor> texts = take_texts(attributes);
  attributes["step"] = content.step;
  attributes["config_sha256"] = manifest.config_sha256;
  PartFile file(folder, checkpoint::model_file, "model", std::move(attributes));
  file.text("/config", content.config);
  file.group("/params");
  file.group("/buffers");
  for (const auto& [name, tensor] : content.params)
    file.tensor("/params/" + component(name), tensor.value, tensor.attributes);
  for (const auto& [name, tensor] : content.buffers)
    file.tensor("/buffers/" + component(name), tensor.value, tensor.attributes);
  for (const auto& [name, text] : texts) file.tensor(checkpoint::texts + component(name), text);
  file.finish(manifest);
}

void write_optimizer(const Path& folder, const CheckpointContent& content, Manifest& manifest) {
  Attributes attributes = content.optimizer.attributes;
  attributes["type"] = content.optimizer.type;
  attributes["step"] = content.step;
  PartFile file(folder, checkpoint::optimizer_file, "optimizer", std::move(attributes));
  file.group("/state");
  file.group("/groups");
  for (size_t i = 0; i < content.optimizer.groups.size(); ++i)
    file.group(str("/groups/", i), content.optimizer.groups[i]);
  for (const auto& [name, slots] : content.optimizer.tensors) {
    file.group("/state/" + component(name));
    for (const auto& [slot, tensor] : slots)
      file.tensor(str("/state/", name, "/", component(slot)), tensor);
  }
  file.finish(manifest);
}

void write_state(const Path& folder, const CheckpointContent& content, Manifest& manifest) {
  PartFile file(folder, checkpoint::state_file, "state", {{"step", content.step}});
  for (const auto& [name, group] : content.state) {
    file.group("/" + component(name), group.attributes);
    for (const auto& [key, tensor] : group.tensors)
      file.tensor(str("/", name, "/", component(key)), tensor);
  }
  file.finish(manifest);
}

void require_space(const Path& folder, const CheckpointContent& content) {
  constexpr int64_t around = int64_t{1} << 15;  // headers, state, blocks that are not full
  constexpr int64_t around_each = 1 << 10;      // of a tensor: its attributes, its manifest entry
  int64_t bytes = around + std::ssize(content.config);
  for (const auto& [name, value] : content.attributes)
    if (const auto* text = std::get_if<std::string>(&value)) bytes += std::ssize(*text);
  const auto add = [&](const Tensor& tensor) { bytes += tensor.bytes() + around_each; };
  for (const auto& [name, tensor] : content.params) add(tensor.value);
  for (const auto& [name, tensor] : content.buffers) add(tensor.value);
  for (const auto& [name, slots] : content.optimizer.tensors)
    for (const auto& [slot, tensor] : slots) add(tensor);
  for (const auto& [name, group] : content.state)
    for (const auto& [key, tensor] : group.tensors) add(tensor);
  const int64_t needed = bytes + bytes / 10;
  const int64_t free = free_bytes(folder);
  if (free < needed)
    throw Error(str(folder.string(), ": error: a checkpoint needs ", needed, " bytes of the disk, ",
                    free, " are free"),
                ErrorKind::disk);
}

/// The digest of the manifest of the newest checkpoint before `step`, or "".
std::string parent_digest(const Path& run, int64_t step) {
  std::vector<CheckpointEntry> entries = list_checkpoints(run);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->step >= step) continue;
    try {
      return read_manifest(entry->path).digest;
    } catch (const Error&) {
      continue;  // a damaged one is nobody's parent
    }
  }
  return "";
}

void write_folder(const Path& folder, const Path& run, const CheckpointContent& content,
                  const SaveOptions& options) {
  make_directories(folder);
  Manifest manifest;
  manifest.step = content.step;
  manifest.run_id = options.run_id;
  manifest.config_sha256 = sha256(content.config);
  manifest.data_fingerprint = content.data_fingerprint;
  manifest.parent = parent_digest(run, content.step);
  write_model(folder, content, manifest);
  write_optimizer(folder, content, manifest);
  write_state(folder, content, manifest);
  write_file(folder / checkpoint::manifest_file, manifest_text(manifest));
}

/// Gives the finished folder its name, and its old name to what stood there before, if anything.
void publish(const Path& finished, const Path& path) {
  if (fs::exists(path))
    exchange_paths(finished, path);
  else
    rename_path(finished, path);
  sync_directory(path.parent_path());
}

/// Removes checkpoints beyond the newest `keep_last`, but never the best nor the last two good.
void prune(const Path& run, const Path& newest, int64_t keep_last) {
  constexpr int64_t least = 2;
  std::vector<CheckpointEntry> entries = list_checkpoints(run);
  if (keep_last == 0 || std::ssize(entries) <= std::max(keep_last, least)) return;
  std::error_code none;
  const Path best = fs::read_symlink(checkpoint::folder(run) / "best", none);
  int64_t kept = 0, good = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (kept >= keep_last && good >= least) {
      if (entry->path.filename() != best) checkpoint::discard(entry->path);
      continue;
    }
    ++kept;
    if (good < least && (entry->path == newest || verify_checkpoint(entry->path).empty())) ++good;
  }
}

}  // namespace

void relink_checkpoints(const Path& run, int64_t step, int64_t best_step) {
  const Path folder = checkpoint::folder(run);
  for (const auto& [name, target] : {std::pair("latest", step), std::pair("best", best_step)}) {
    const Path link = folder / name;
    if (fs::exists(folder / checkpoint::name(target))) {
      replace_link(checkpoint::name(target), link);
    } else if (fs::is_symlink(link) && !fs::exists(link)) {
      remove_tree(link);
      log_warning(str("removed ", link.string(), ": it named a checkpoint that is gone"));
    }
  }
}

Path save_checkpoint(const Path& run, const CheckpointContent& content,
                     const SaveOptions& options) {
  check(content.step >= 0 && options.keep_last >= 0, "save_checkpoint: step and keep_last are ",
        content.step, " and ", options.keep_last, ", expected 0 or more");
  const Path folder = checkpoint::folder(run);
  const std::string name = checkpoint::name(content.step);
  const Path path = folder / name;
  const Path unfinished = folder / (unfinished_prefix + name);
  make_directories(folder);
  require_space(folder, content);
  remove_tree(unfinished);
  try {
    write_folder(unfinished, run, content, options);
    publish(unfinished, path);
  } catch (const Error& error) {
    try {
      remove_tree(unfinished);
    } catch (const Error&) {
      // The next start of the run removes it; the first error says more.
    }
    // A file that cannot be read back was not written.
    throw Error(error.what(), error.kind() == ErrorKind::data ? ErrorKind::disk : error.kind());
  }
  try {
    remove_tree(unfinished);  // what stood at `path` before
    replace_link(name, folder / "latest");
    if (options.best) replace_link(name, folder / "best");
    prune(run, path, options.keep_last);
  } catch (const Error& error) {
    log_warning(str(path.string(), " is saved, but: ", error.what()));
  }
  return path;
}

}  // namespace lw
