#include "data/text.h"

#include <algorithm>
#include <filesystem>

#include "core/digest.h"
#include "core/files.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

constexpr int64_t largest_corpus = int64_t{1} << 33;  // bytes

/// Whether `path` matches `pattern`: * and ? stop at a /, **/ is any number of folders.
bool matches(std::string_view path, std::string_view pattern) {
  if (pattern.empty()) return path.empty();
  if (pattern.starts_with("**/")) {
    if (matches(path, pattern.substr(3))) return true;
    const size_t slash = path.find('/');
    return slash != std::string_view::npos && matches(path.substr(slash + 1), pattern);
  }
  if (pattern[0] == '*')
    return matches(path, pattern.substr(1)) ||
           (!path.empty() && path[0] != '/' && matches(path.substr(1), pattern));
  if (path.empty()) return false;
  return (pattern[0] == '?' ? path[0] != '/' : pattern[0] == path[0]) &&
         matches(path.substr(1), pattern.substr(1));
}

std::string read_corpus(const std::string& root, const std::vector<std::string>& patterns) {
  std::vector<std::string> files;
  for (const std::string& pattern : patterns) {
    const std::vector<std::string> found = find_files(root, pattern);
    if (found.empty())
      throw Error(str(root, ": error: no file matches `", pattern, "` (data.files)"),
                  ErrorKind::data);
    files.insert(files.end(), found.begin(), found.end());
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  std::string corpus;
  for (const std::string& file : files) {
    if (!corpus.empty() && corpus.back() != '\n') corpus += '\n';
    corpus +=
        read_file(fs::path(root) / file, largest_corpus - static_cast<int64_t>(corpus.size()));
  }
  return corpus;
}

/// Windows of a token sequence. Shifted anew each epoch (training), or covering every target once.
class Windows final : public Dataset {
 public:
  Windows(std::shared_ptr<const std::vector<int64_t>> tokens, int64_t begin, int64_t end,
          int64_t length, const Random* shift)
      : tokens_(std::move(tokens)),
        begin_(begin),
        end_(end),
        length_(length),
        shifted_(shift != nullptr),
        shift_(shift ? *shift : Random(0)) {}

  int64_t size() const override {
    const int64_t targets = end_ - begin_ - 1;
    return shifted_ ? (targets - length_ + 1) / length_ : (targets + length_ - 1) / length_;
  }

  Batch batch(std::span<const int64_t> indices, int64_t epoch) const override {
    const auto n = static_cast<int64_t>(indices.size());
    const int64_t offset = shifted_ ? shift_.integer_at(static_cast<uint64_t>(epoch), length_) : 0;
    Batch batch;
    batch.inputs = Tensor::empty({n, length_}, DType::i64, host);
    batch.targets = Tensor::empty({n, length_}, DType::i64, host);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t start = begin_ + indices[static_cast<size_t>(i)] * length_ + offset;
      int64_t* input = batch.inputs.data<int64_t>() + i * length_;
      int64_t* target = batch.targets.data<int64_t>() + i * length_;
      for (int64_t t = 0; t < length_; ++t) {
        const bool inside = start + t + 1 < end_;
        input[t] = (*tokens_)[static_cast<size_t>(std::min(start + t, end_ - 1))];
        target[t] = inside ? (*tokens_)[static_cast<size_t>(start + t + 1)] : ignored_target;
      }
    }
    return batch;
  }

 private:
  std::shared_ptr<const std::vector<int64_t>> tokens_;
  int64_t begin_, end_, length_;
  bool shifted_;
  Random shift_;
};

DataSource make_text(const TextOptions& o, const DataContext& context) {
  const std::string root = data_folder(context, "tinyshakespeare");
  const std::string corpus = read_corpus(root, o.files);
  DataSource source;
  source.vocabulary = o.tokens == "bytes" ? byte_vocabulary() : character_vocabulary(corpus);
  const auto tokens =
      std::make_shared<const std::vector<int64_t>>(source.vocabulary->encode(corpus));
  const auto total = static_cast<int64_t>(tokens->size());
  const int64_t cut = total - static_cast<int64_t>(o.validation * static_cast<double>(total));
  source.fingerprint = str(xxh3(corpus.data(), std::ssize(corpus)), " tokens=", o.tokens,
                           " length=", o.length, " train=", cut);
  if (cut / 2 < o.length)
    throw Error(str(root, ": error: the training part of the corpus has ", cut,
                    " tokens, too few for windows of data.length = ", o.length,
                    "\n  add text, or make data.length or data.validation smaller"),
                ErrorKind::data);
  const Random shift = Random(context.seed).fork("text offset");
  source.train = std::make_unique<Windows>(tokens, 0, cut, o.length, &shift);
  if (total - cut > 1)
    source.val = std::make_unique<Windows>(tokens, cut, total, o.length, nullptr);
  source.task = language_task(*source.vocabulary, o.length);
  return source;
}

const bool registered = datasets().add<TextOptions>("text", &make_text);

}  // namespace

void TextOptions::describe(Fields& f) {
  f.optional("files", files,
             "patterns of the files below data.root, joined in the order of their paths",
             non_empty());
  f.optional("tokens", tokens, "what a token is", one_of({"characters", "bytes"}));
  f.optional("length", length, "steps of a sample", positive());
  f.optional("validation", validation, "share of the corpus, its tail, held out", probability());
}

Task language_task(const Vocabulary& vocabulary, int64_t length) {
  return {.vocabulary = vocabulary.size(),
          .length = length,
          .target = Task::Target::token,
          .classes = vocabulary.size(),
          .autoregressive = true};
}

std::vector<std::string> find_files(const std::string& root, const std::string& pattern) {
  std::vector<std::string> found;
  if (pattern.find_first_of("*?") == std::string::npos) {
    if (fs::is_regular_file(fs::path(root) / pattern)) found.push_back(pattern);
    return found;
  }
  const fs::path base = (fs::path(root) / "").parent_path();  // without a slash at its end
  std::error_code error;
  fs::recursive_directory_iterator entries(base, fs::directory_options::skip_permission_denied,
                                           error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    const std::string path = entries->path().lexically_relative(base).generic_string();
    if (entries->is_regular_file(error) && matches(path, pattern)) found.push_back(path);
  }
  if (error) throw Error(str(root, ": error: cannot be read: ", error.message()), ErrorKind::data);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace lw
