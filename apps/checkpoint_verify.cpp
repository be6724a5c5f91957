// Looking after the checkpoints of a run: listing, verifying, finding, removing.
#include <algorithm>
#include <charconv>

#include "apps/checkpoint.h"
#include "apps/checkpoint_files.h"
#include "core/digest.h"
#include "core/error.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

/// The step of a folder's name; nothing if it is not the name of a checkpoint.
std::optional<int64_t> step_of(const std::string& name) {
  constexpr std::string_view prefix = "step-";
  if (!name.starts_with(prefix)) return {};
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, step);
  if (error != std::errc() || rest != end || checkpoint::name(step) != name) return {};
  return step;
}

/// What an error says of a file, without the path that its text starts with.
std::string reason(const Error& error, const Path& path) {
  const std::string text = error.what(), prefix = path.string() + ": error: ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

/// ", tensor /params/w": the tensors of the file whose bytes are not those of the manifest.
std::string damaged_tensors(const Manifest& manifest, const InputFile& file,
                            const std::string& name) {
  constexpr int most = 3;
  std::string text;
  int found = 0;
  for (const Manifest::Tensor& tensor : manifest.tensors) {
    if (tensor.file != name || xxh3_of_file(file, tensor.offset, tensor.bytes()) == tensor.xxh3)
      continue;
    if (++found <= most) text += (text.empty() ? ", tensor " : ", ") + tensor.name;
  }
  if (found > most) text += str(" and ", found - most, " more");
  return text;
}

/// What is wrong with one file, or an empty text.
std::string problem_of(const Manifest& manifest, const Manifest::File& entry, const Path& folder) {
  try {
    const InputFile file(folder / entry.name, Links::refuse);
    if (file.bytes() != entry.bytes) return str(file.bytes(), " bytes, expected ", entry.bytes);
    if (sha256_of_file(file) != entry.sha256)
      return "damaged: its SHA-256 is not the manifest's" +
             damaged_tensors(manifest, file, entry.name);
    return "";
  } catch (const Error& error) {
    return reason(error, folder / entry.name);
  }
}

}  // namespace

void checkpoint::discard(const Path& path) {
  const Path hidden =
      path.parent_path() / (unfinished_prefix + ("removed-" + path.filename().string()));
  remove_tree(hidden);
  rename_path(path, hidden);
  remove_tree(hidden);
}

Manifest read_manifest(const Path& folder) {
  constexpr int64_t largest = int64_t{1} << 26;
  const Path path = folder / checkpoint::manifest_file;
  const Manifest manifest = parse_manifest(read_file(path, largest, Links::refuse), path.string());
  const std::optional<int64_t> step = step_of(folder.filename().string());
  if (step && *step != manifest.step)
    throw Error(str(path.string(), ": error: the manifest of step ", manifest.step,
                    ", expected step ", *step),
                ErrorKind::data);
  return manifest;
}

std::vector<CheckpointEntry> list_checkpoints(const Path& run) {
  std::vector<CheckpointEntry> entries;
  const Path folder = checkpoint::folder(run);
  if (!fs::is_directory(folder)) return entries;
  for (const std::string& name : list_directory(folder))
    if (const auto step = step_of(name)) entries.push_back({folder / name, *step});
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
  return entries;
}

std::vector<CheckpointProblem> verify_checkpoint(const Path& folder, const std::string& only) {
  Manifest manifest;
  try {
    manifest = read_manifest(folder);
  } catch (const Error& error) {
    return {{checkpoint::manifest_file, reason(error, folder / checkpoint::manifest_file)}};
  }
  std::vector<CheckpointProblem> problems;
  for (const char* name :
       {checkpoint::model_file, checkpoint::optimizer_file, checkpoint::state_file})
    if (!manifest.find(name))
      problems.push_back({checkpoint::manifest_file, str(name, " is not listed")});
  for (const Manifest::File& file : manifest.files) {
    if (!only.empty() && file.name != only) continue;
    if (std::string text = problem_of(manifest, file, folder); !text.empty())
      problems.push_back({file.name, std::move(text)});
  }
  return problems;
}

std::string text_of(const std::vector<CheckpointProblem>& problems) {
  std::string text;
  for (const CheckpointProblem& problem : problems)
    text += str(text.empty() ? "" : "; ", problem.file, ": ", problem.text);
  return text;
}

FoundCheckpoint find_newest_good(const Path& run) {
  FoundCheckpoint result;
  std::vector<CheckpointEntry> entries = list_checkpoints(run);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto problems = verify_checkpoint(entry->path);
    if (problems.empty()) {
      result.found = *entry;
      break;
    }
    result.rejected.push_back({entry->path, text_of(problems)});
  }
  return result;
}

std::vector<Path> remove_checkpoints_after(const Path& run, int64_t step) {
  std::vector<Path> removed;
  for (const CheckpointEntry& entry : list_checkpoints(run)) {
    if (entry.step <= step) continue;
    checkpoint::discard(entry.path);
    removed.push_back(entry.path);
  }
  return removed;
}

}  // namespace lw
