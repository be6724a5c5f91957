#include "data/fetch.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <zlib.h>

#include <thread>

#include "core/digest.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

std::string gzipped(const std::string& text, int level = 6) {
  z_stream stream = {};
  deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string sample_text() {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += str("line ", i * 7919 % 104729, '\n');
  return text;
}

/// An HTTP server on the loopback for one file, one request a connection.
class Server {
 public:
  enum class Behaviour { ranges, whole, missing, breaks_off, silent };

  Server(std::string content, Behaviour behaviour)
      : content_(std::move(content)), behaviour_(behaviour) {
    socket_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), generic, size) < 0 || ::listen(socket_.get(), 8) < 0 ||
        ::getsockname(socket_.get(), generic, &size) < 0)
      throw std::runtime_error("no loopback server");
    url_ = str("http://127.0.0.1:", ntohs(address.sin_port), "/file");
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }

  const std::string& url() const { return url_; }
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void serve() {
    for (;;) {
      const Descriptor client(::accept(socket_.get(), nullptr, nullptr));
      if (!client.is_open()) return;
      std::string request(4096, '\0');
      request.resize(static_cast<size_t>(
          std::max<ssize_t>(0, ::recv(client.get(), request.data(), request.size(), 0))));
      requests_.push_back(request);
      if (behaviour_ == Behaviour::silent) ::recv(client.get(), request.data(), request.size(), 0);
      const std::string answer = answer_to(request);
      for (size_t sent = 0; sent < answer.size();) {
        const ssize_t n =
            ::send(client.get(), answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
    }
  }
  std::string answer_to(const std::string& request) const {
    if (behaviour_ == Behaviour::silent) return "";
    if (behaviour_ == Behaviour::missing)
      return "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    const size_t range = request.find("Range: bytes=");
    if (behaviour_ != Behaviour::whole && range != std::string::npos) {
      const size_t begin = std::stoul(request.substr(range + 13));
      return str("HTTP/1.0 206 Partial Content\r\nContent-Length: ", content_.size() - begin,
                 "\r\nContent-Range: bytes ", begin, "-", content_.size() - 1, "/", content_.size(),
                 "\r\n\r\n", content_.substr(begin));
    }
    const std::string head =
        str("HTTP/1.0 200 OK\r\nContent-Length: ", content_.size(), "\r\n\r\n");
    if (behaviour_ == Behaviour::breaks_off) return head + content_.substr(0, content_.size() / 2);
    return head + content_;
  }

  std::string content_, url_;
  Behaviour behaviour_;
  Descriptor socket_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

class Fetching : public testing::Test {
 protected:
  /// A dataset of one file, published plain or as a .gz.
  PinnedDataset dataset(std::vector<std::string> mirrors, bool compressed) const {
    return {"sample",
            {{"file.txt", static_cast<int64_t>(text_.size()), sha256(text_),
              compressed ? sha256(archive_) : "", std::move(mirrors)}}};
  }
  FetchOptions options() const {
    return {.to = folder_ / "to", .protocols = "file,http", .stall_seconds = 2};
  }
  std::string without_folder(std::string message) const {
    for (size_t at; (at = message.find(folder_.path().string() + "/")) != std::string::npos;)
      message.erase(at, folder_.path().string().size() + 1);
    return message;
  }
  std::vector<std::string> names() const { return list_directory(folder_ / "to"); }

  TemporaryFolder folder_;
  std::string text_ = sample_text(), archive_ = gzipped(text_);
};

TEST_F(Fetching, ThePinnedTableIsWhole) {
  for (const PinnedDataset& dataset : pinned_datasets())
    for (const PinnedFile& file : dataset.files) {
      EXPECT_EQ(file.sha256.size(), 64u);
      EXPECT_TRUE(file.archive_sha256.empty() || file.archive_sha256.size() == 64u);
      EXPECT_GE(file.mirrors.size(), 2u);
      for (const std::string& url : file.mirrors) {
        EXPECT_TRUE(url.starts_with("https://"));
        EXPECT_TRUE(url.ends_with(file.published_name()));
      }
    }
  EXPECT_EQ(error_of(ErrorKind::usage, [] { pinned_dataset("minst"); }),
            "there is no dataset `minst` to fetch; there are mnist, tinyshakespeare, ett\n  did "
            "you mean `mnist`?");
}

TEST_F(Fetching, CopiesFromAFolder) {
  make_directories(folder_ / "from");
  const struct {
    const char* name;
    std::string content;
    bool compressed;
    const char* kept_as;
  } table[] = {
      {"file.txt", text_, false, "file.txt"},
      {"file.txt.gz", archive_, false, "file.txt"},
      {"file.txt", text_, true, "file.txt"},
      {"file.txt.gz", archive_, true, "file.txt.gz"},
      {"file.txt.gz", gzipped(text_, 1), true, "file.txt.gz"},  // made anew
  };
  for (const auto& [name, content, compressed, kept_as] : table) {
    remove_tree(folder_ / "from");
    remove_tree(folder_ / "to");
    make_directories(folder_ / "from");
    write_file(folder_ / "from" / name, content);
    FetchOptions from = options();
    from.from = folder_ / "from";
    const FetchedFile copied = fetch(dataset({}, compressed), from).at(0);
    EXPECT_EQ(copied.how, FetchedFile::How::copied);
    EXPECT_EQ(copied.path, folder_ / "to" / kept_as);
    EXPECT_EQ(names(), std::vector<std::string>{kept_as});
    EXPECT_EQ(read_file(copied.path), std::string(kept_as).ends_with(".gz") ? content : text_);

    const FetchedFile kept = fetch(dataset({}, compressed), options()).at(0);
    EXPECT_EQ(kept.how, FetchedFile::How::kept);
    EXPECT_EQ(kept.path, copied.path);
  }
}

TEST_F(Fetching, DownloadsFromTheFirstMirrorThatHasIt) {
  write_file(folder_ / "damaged.gz", archive_.substr(0, archive_.size() / 2));
  Server missing("", Server::Behaviour::missing), good(archive_, Server::Behaviour::whole);
  const FetchedFile file =
      fetch(dataset({"file://" + (folder_ / "none").string(), missing.url(),
                     "file://" + (folder_ / "damaged.gz").string(), good.url()},
                    true),
            options())
          .at(0);
  EXPECT_EQ(file.how, FetchedFile::How::downloaded);
  EXPECT_EQ(file.source, good.url());
  EXPECT_EQ(names(), std::vector<std::string>{"file.txt.gz"});
  EXPECT_EQ(read_file(file.path), archive_);
}

TEST_F(Fetching, GoesOnWhereADownloadBrokeOff) {
  const std::string part = ".file.txt.part";
  {
    Server broken(text_, Server::Behaviour::breaks_off);
    const std::string message =
        error_of(ErrorKind::data, [&] { fetch(dataset({broken.url()}, false), options()); });
    EXPECT_NE(message.find("bytes remaining to read"), std::string::npos) << message;
  }
  EXPECT_EQ(names(), std::vector<std::string>{part});
  EXPECT_EQ(read_file(folder_ / "to" / part), text_.substr(0, text_.size() / 2));
  Server ranges(text_, Server::Behaviour::ranges);
  EXPECT_EQ(read_file(fetch(dataset({ranges.url()}, false), options()).at(0).path), text_);
  ASSERT_EQ(ranges.requests().size(), 1u);
  EXPECT_NE(ranges.requests()[0].find(str("Range: bytes=", text_.size() / 2, "-")),
            std::string::npos);
  EXPECT_EQ(names(), std::vector<std::string>{"file.txt"});
}

TEST_F(Fetching, StartsAgainWhereGoingOnFails) {
  make_directories(folder_ / "to");
  write_file(folder_ / "to" / ".file.txt.part", "what another version began with");
  for (const auto behaviour : {Server::Behaviour::ranges, Server::Behaviour::whole}) {
    remove_tree(folder_ / "to" / "file.txt");
    write_file(folder_ / "to" / ".file.txt.part", "what another version began with");
    Server server(text_, behaviour);
    EXPECT_EQ(read_file(fetch(dataset({server.url()}, false), options()).at(0).path), text_);
    EXPECT_EQ(names(), std::vector<std::string>{"file.txt"});
  }
}

TEST_F(Fetching, AnInterruptLeavesNoFileUnderItsFinalName) {
  struct Stop {};
  for (const auto behaviour : {Server::Behaviour::silent, Server::Behaviour::whole}) {
    Server server(text_, behaviour);
    int calls = 0;
    FetchOptions stopped = options();
    stopped.poll = [&] {
      if (++calls > 1) throw Stop();
    };
    EXPECT_THROW(fetch(dataset({server.url()}, false), stopped), Stop);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "to" / "file.txt"));
  }
}

TEST_F(Fetching, WhatCannotBeFetchedSaysWhyAndWhatToDo) {
  const std::string expected = sha256(text_), other(text_.size(), 'x');
  const std::string by_hand =
      "\n  into to/ and run this again, or name a folder that has it with --from DIR";
  make_directories(folder_ / "from");
  const auto url = [&](const char* name) { return "file://" + (folder_ / name).string(); };
  write_file(folder_ / "other", other);
  write_file(folder_ / "large", text_ + text_);

  const struct {
    const char* what;
    std::string mirror, protocols, reason;
  } downloads[] = {
      {"another file", url("other"), "file",
       "its SHA-256 is " + sha256(other) + ", expected " + expected},
      {"too large", url("large"), "file",
       str("more than the ", text_.size() + text_.size() / 1000 + 1024, " bytes that it may have")},
      {"protocol", url("other"), "https", "Protocol \"file\" not supported or disabled in libcurl"},
      {"nobody", "http://127.0.0.1:1/file", "http",
       "Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server"},
  };
  for (const auto& [what, mirror, protocols, reason] : downloads) {
    SCOPED_TRACE(what);
    remove_tree(folder_ / "to");
    FetchOptions o = options();
    o.protocols = protocols;
    const std::string message =
        without_folder(error_of(ErrorKind::data, [&] { fetch(dataset({mirror}, false), o); }));
    const std::string place = without_folder(mirror);
    EXPECT_EQ(message, "file.txt: error: no mirror gave this file\n  " + place + ": " + reason +
                           "\n  by hand: put the file from one of\n    " + place + by_hand);
  }

  const struct {
    std::string name, content;
    bool compressed;
    std::string error;
  } copies[] = {
      {"unrelated", "", true, "from/file.txt: error: there is no such file, with or without .gz"},
      {"file.txt", other, true,
       "from/file.txt: error: not the pinned file: its SHA-256 is " + sha256(other) +
           ", expected " + expected},
      {"file.txt.gz", gzipped(other), false,
       "from/file.txt.gz: error: not the pinned file: the SHA-256 of its plain bytes is " +
           sha256(other) + ", expected " + expected},
      {"file.txt.gz", gzipped(text_ + "more"), true,
       str("from/file.txt.gz: error: not the pinned file: its compressed data is damaged, or not ",
           text_.size(), " bytes long")},
      {"file.txt.gz", archive_.substr(0, 1000), true,
       str("from/file.txt.gz: error: not the pinned file: its compressed data is damaged, or not ",
           text_.size(), " bytes long")},
  };
  for (const auto& [name, content, compressed, error] : copies) {
    remove_tree(folder_ / "from");
    remove_tree(folder_ / "to");
    make_directories(folder_ / "from");
    write_file(folder_ / "from" / name, content);
    FetchOptions from = options();
    from.from = folder_ / "from";
    EXPECT_EQ(
        without_folder(error_of(ErrorKind::data, [&] { fetch(dataset({}, compressed), from); })),
        error);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "to"));
  }

  FetchOptions nowhere = options();
  nowhere.from = folder_ / "nowhere";
  EXPECT_EQ(without_folder(error_of(ErrorKind::data, [&] { fetch(dataset({}, true), nowhere); })),
            "nowhere: error: there is no such folder");
  make_directories(folder_ / "to");
  write_file(folder_ / "to" / "file.txt", other);
  EXPECT_EQ(without_folder(error_of(ErrorKind::data, [&] { fetch(dataset({}, true), options()); })),
            "to/file.txt: error: another file is here already: its SHA-256 is " + sha256(other) +
                ", expected " + expected +
                "\n  move it away, or name another folder with --to DIR");
}

}  // namespace
}  // namespace lw
