#include <algorithm>
#include <set>
#include <unordered_map>

#include "data/text.h"

namespace lw {
namespace {

/// Length in bytes of the UTF-8 code point at the start of `text`; 1 for a byte that starts none.
size_t code_point_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xf0 && first < 0xf5 ? 4
                        : first >= 0xe0                 ? 3
                        : first >= 0xc2                 ? 2
                                                        : 1;
  if (first >= 0xf5 || length > text.size()) return 1;
  for (size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 1;
  return length;
}

/// A character as a message shows it.
std::string spelling(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character[0]);
  if (character == "\n") return "`\\n`";
  if (character.size() > 1 || (byte >= 0x20 && byte < 0x7f)) return str("`", character, "`");
  constexpr const char* digits = "0123456789abcdef";
  return str("`\\x", digits[byte / 16], digits[byte % 16], "`");
}

class Bytes final : public Vocabulary {
 public:
  int64_t size() const override { return 256; }
  std::vector<int64_t> encode(std::string_view text) const override {
    std::vector<int64_t> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  std::string decode(std::span<const int64_t> tokens) const override {
    std::string text;
    for (const int64_t token : tokens) text += static_cast<char>(token);
    return text;
  }
  std::string serialize() const override { return "bytes"; }
};

class Characters final : public Vocabulary {
 public:
  explicit Characters(std::vector<std::string> characters) : characters_(std::move(characters)) {
    for (size_t i = 0; i < characters_.size(); ++i)
      tokens_[characters_[i]] = static_cast<int64_t>(i);
  }
  int64_t size() const override { return static_cast<int64_t>(characters_.size()); }
  std::vector<int64_t> encode(std::string_view text) const override {
    std::vector<int64_t> tokens;
    for (size_t at = 0; at < text.size();) {
      const size_t length = code_point_length(text.substr(at));
      const auto token = tokens_.find(std::string(text.substr(at, length)));
      if (token == tokens_.end())
        throw Error(str("text: the character ", spelling(text.substr(at, length)), " at byte ", at,
                        " is not among the ", size(), " characters of the training corpus"));
      tokens.push_back(token->second);
      at += length;
    }
    return tokens;
  }
  std::string decode(std::span<const int64_t> tokens) const override {
    std::string text;
    for (const int64_t token : tokens) text += characters_.at(static_cast<size_t>(token));
    return text;
  }
  std::string serialize() const override {
    std::string result = "characters\n";
    for (const std::string& c : characters_) result += c;
    return result;
  }

 private:
  std::vector<std::string> characters_;
  std::unordered_map<std::string, int64_t> tokens_;
};

}  // namespace

std::shared_ptr<const Vocabulary> byte_vocabulary() { return std::make_shared<Bytes>(); }

std::shared_ptr<const Vocabulary> character_vocabulary(std::string_view text) {
  std::set<std::string> characters;
  for (size_t at = 0; at < text.size();) {
    const size_t length = code_point_length(text.substr(at));
    characters.emplace(text.substr(at, length));
    at += length;
  }
  return std::make_shared<Characters>(
      std::vector<std::string>(characters.begin(), characters.end()));
}

std::shared_ptr<const Vocabulary> vocabulary_from(const std::string& serialized) {
  constexpr std::string_view heading = "characters\n";
  if (serialized == "bytes") return byte_vocabulary();
  if (serialized.starts_with(heading))
    return character_vocabulary(std::string_view(serialized).substr(heading.size()));
  throw Error("vocabulary: expected `bytes` or `characters`, as a checkpoint of a text model holds",
              ErrorKind::data);
}

}  // namespace lw
