#include "core/hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <numeric>

#include "core/fault.h"
#include "core/parallel.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

using testing::HasSubstr;

constexpr DType all_dtypes[] = {DType::f32,  DType::f64, DType::bf16, DType::c64,
                                DType::c128, DType::i32, DType::i64,  DType::u8};

Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 1.0);
  return Tensor::from(shape, values).to(dtype);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

/// One of everything; more than eight entries in a group and on an object, so that both ways of
/// storing them occur.
void write_sample(const Path& path) {
  Hdf5Writer file(path);
  file.attributes("/", {{"format", "sample"}, {"version", int64_t{1}}});
  for (const DType dtype : all_dtypes) file.tensor(str("/dtypes/", dtype), counting({2, 3}, dtype));
  for (int i = 0; i < 40; ++i) file.tensor(str("params/layers.", i, ".weight"), counting({i, 4}));
  file.tensor("scalar", Tensor::scalar(7));
  file.text("config", "name: über\n");
  file.text("empty", "");
  file.group("/rng");
  Attributes many;
  for (int i = 0; i < 20; ++i) many[str("a", i)] = int64_t{i};
  many["b"] = true;
  many["d"] = -0.1;
  many["s"] = "ü";
  many["none"] = "";
  file.attributes("/rng", many);
  file.attributes("/dtypes/bf16", {{"dtype", "bf16"}});
  file.finish();
}

TEST(Hdf5, EverythingComesBack) {
  const TemporaryFolder folder;
  write_sample(folder / "x.h5");
  const Hdf5Reader file(folder / "x.h5");
  for (const DType dtype : all_dtypes)
    EXPECT_TRUE(same_bits(file.tensor(str("dtypes/", dtype)), counting({2, 3}, dtype))) << dtype;
  EXPECT_TRUE(same_bits(file.tensor("/params/layers.9.weight"), counting({9, 4})));
  EXPECT_EQ(file.tensor("/params/layers.0.weight").shape(), (Shape{0, 4}));
  EXPECT_EQ(file.tensor("/scalar").shape(), Shape{});
  EXPECT_EQ(file.text("config"), "name: über\n");
  EXPECT_EQ(file.text("empty"), "");
  EXPECT_EQ(file.attributes("/"), (Attributes{{"format", "sample"}, {"version", int64_t{1}}}));
  const Attributes many = file.attributes("rng");
  EXPECT_EQ(many.size(), 24u);
  EXPECT_EQ(many.at("a13"), Attribute(int64_t{13}));
  EXPECT_EQ(many.at("b"), Attribute(true));
  EXPECT_EQ(many.at("d"), Attribute(-0.1));
  EXPECT_EQ(many.at("s"), Attribute("ü"));
  EXPECT_EQ(many.at("none"), Attribute(""));
  EXPECT_EQ(file.groups(), (std::vector<std::string>{"dtypes", "params", "rng"}));
  EXPECT_EQ(file.datasets().size(), 49u);
  EXPECT_EQ(file.datasets("/dtypes").front().name, "/dtypes/bf16");
  EXPECT_EQ(file.datasets("/dtypes").front().dtype, DType::bf16);
  EXPECT_TRUE(file.contains("/rng"));
  EXPECT_FALSE(file.contains("/rng/x"));
  EXPECT_FALSE(file.contains("/config/x"));
}

TEST(Hdf5, EqualContentGivesEqualFiles) {
  const TemporaryFolder folder;
  set_num_threads(1);  // for the child
  write_sample(folder / "a.h5");
  const int status = run_in_child([&] {
    ::mallopt(M_PERTURB, 0x5a);  // what the library leaves unset would differ
    write_sample(folder / "b.h5");
    return 0;
  });
  ASSERT_EQ(status, 0);
  EXPECT_EQ(read_file(folder / "a.h5"), read_file(folder / "b.h5"));
}

TEST(Hdf5, APitchedTensorIsWrittenWithoutItsGaps) {
  const TemporaryFolder folder;
  const Tensor part = counting({3, 5, 8}).slice(2, 1, 6).slice(1, 1, 4);
  Hdf5Writer file(folder / "x.h5");
  file.tensor("t", part);
  file.finish();
  EXPECT_TRUE(same_bits(Hdf5Reader(folder / "x.h5").tensor("t"), part.clone()));
}

TEST(Hdf5, WhatIsNotExpectedIsRefusedBeforeItIsRead) {
  const TemporaryFolder folder;
  const Path path = folder / "x.h5";
  write_sample(path);
  const Hdf5Reader file(path);
  const auto refusal = [&](auto f) {
    std::string text = error_of(ErrorKind::data, f);
    return text.substr(std::min(text.size(), path.string().size()));
  };
  EXPECT_EQ(refusal([&] { file.tensor("/scalar", {2}, DType::f32); }),
            ": error: /scalar: expected f32 [2], the file has f32 []");
  EXPECT_EQ(refusal([&] {
              file.tensor("/dtypes/c64", {2, 3}, DType::f32);
            }),
            ": error: /dtypes/c64: expected f32 [2, 3], the file has c64 [2, 3]");
  EXPECT_EQ(refusal([&] { file.tensor("/nothing"); }),
            ": error: /nothing: no such object in the file");
  EXPECT_EQ(refusal([&] { file.tensor("/config"); }),
            ": error: /config: a text, expected a tensor");
  EXPECT_EQ(refusal([&] { file.text("/scalar"); }), ": error: /scalar: a tensor, expected a text");
  EXPECT_EQ(refusal([&] { file.tensor("/rng"); }), ": error: /rng: expected a dataset, is a group");
  for (const char* name : {"/a//b", "/./a", "a/", "//"})
    EXPECT_THAT(error_of(ErrorKind::usage, [&] { file.contains(name); }),
                HasSubstr("is not a path within a file"))
        << name;
}

TEST(Hdf5, WhatIsNoHdf5FileIsRefused) {
  const TemporaryFolder folder;
  write_file(folder / "x.h5", "hello");
  EXPECT_THAT(error_of(ErrorKind::data, [&] { Hdf5Reader file(folder / "x.h5"); }),
              HasSubstr("x.h5: error: cannot open it: "));
  EXPECT_THAT(error_of(ErrorKind::data, [&] { Hdf5Reader file(folder / "y.h5"); }),
              HasSubstr("No such file"));
}

TEST(Hdf5, ADamagedFileIsReadOrRefusedAndNeverCrashes) {
  const TemporaryFolder folder;
  write_sample(folder / "x.h5");
  const std::string bytes = read_file(folder / "x.h5");
  int refused = 0;
  for (size_t i = 0; i < 400; ++i) {
    std::string damaged = bytes;
    const size_t place = i < 200 ? i : i * 7919 % bytes.size();
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << i % 8));
    if (i % 4 == 0) damaged.resize(bytes.size() * i / 400);
    write_file(folder / "y.h5", damaged);
    try {
      const Hdf5Reader file(folder / "y.h5");
      for (const Hdf5Dataset& set : file.datasets()) file.tensor(set.name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      ++refused;
    }
  }
  EXPECT_GT(refused, 200);
}

TEST(Hdf5, AFullDiskAtAnyPointIsAnError) {
  const TemporaryFolder folder;
  set_num_threads(1);
  for (int k = 1;; ++k) {
    arm_fault(str("full@", k));
    bool done = true;
    try {
      write_sample(folder / str(k));
    } catch (const Error& error) {
      done = false;
      EXPECT_EQ(error.kind(), ErrorKind::disk);
      EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
    }
    arm_fault("");
    if (done) break;
    ASSERT_LT(k, 1000);
  }
}

TEST(Hdf5, PastASizeLimitTheProcessStillExitsInOrder) {
  const TemporaryFolder folder;
  const Tensor tensor = counting({1000});
  const int status = run_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{3000, 3000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string text = error_of(ErrorKind::disk, [&] {
      Hdf5Writer file(folder / "x.h5");
      for (int i = 0; i < 10; ++i) file.tensor(str("t", i), tensor);
      file.finish();
    });
    return text.find("x.h5: error: cannot write: File too large") != text.npos ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

// The rest needs h5py, from Debian's python3-h5py.

bool python(const Path& folder, const std::string& script) {
  write_file(folder / "script.py", "import os, sys, h5py, numpy as np\n" + script);
  return std::system(("cd " + folder.string() + " && /usr/bin/python3 script.py").c_str()) == 0;
}
bool have_h5py() {
  static const bool have = std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") == 0;
  return have;
}

TEST(Hdf5, H5pyReadsWhatWeWrite) {
  if (!have_h5py()) GTEST_SKIP() << "no python3-h5py";
  const TemporaryFolder folder;
  write_sample(folder / "x.h5");
  EXPECT_TRUE(python(folder.path(), R"(
f = h5py.File('x.h5', 'r')
want = np.arange(1, 7).reshape(2, 3)
types = dict(f32='f4', f64='f8', bf16='f4', c64='c8', c128='c16', i32='i4', i64='i8', u8='u1')
for name, t in types.items():
    got = f['dtypes'][name][:]
    assert got.dtype == np.dtype(t) and (got == want).all(), (name, got)
assert f['config'][()].decode() == 'name: über\n' and f['empty'][()] == b''
assert f['rng'].attrs['b'] and f['rng'].attrs['d'] == -0.1 and f['rng'].attrs['a13'] == 13
assert f['rng'].attrs['s'] in ('ü', 'ü'.encode())
assert f['params/layers.39.weight'].shape == (39, 4) and f['scalar'][()] == 7
)"));
}

TEST(Hdf5, WeReadWhatH5pyWrites) {
  if (!have_h5py()) GTEST_SKIP() << "no python3-h5py";
  const TemporaryFolder folder;
  ASSERT_TRUE(python(folder.path(), R"(
for name, libver in (('old.h5', 'earliest'), ('new.h5', 'latest')):
    f = h5py.File(name, 'w', libver=libver, userblock_size=512)
    f.create_dataset('g/x', data=np.arange(6, dtype='f4').reshape(2, 3))
    f.create_dataset('g/z', data=np.arange(2) + 1j)
    f['g/text'] = np.bytes_('abc')
    f['g'].attrs['n'] = 3
    f.close()
)"));
  for (const char* name : {"old.h5", "new.h5"}) {
    const Hdf5Reader file(folder / name);
    EXPECT_EQ(file.tensor("g/x").to_vector(), (std::vector<double>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(file.tensor("g/z").data<complex128>()[1], complex128(1, 1));
    EXPECT_EQ(file.text("g/text"), "abc");
    EXPECT_EQ(file.attributes("g"), (Attributes{{"n", int64_t{3}}}));
  }
}

TEST(Hdf5, EvilFilesAreRefused) {
  if (!have_h5py()) GTEST_SKIP() << "no python3-h5py";
  const TemporaryFolder folder;
  ASSERT_TRUE(python(folder.path(), R"(
secret = h5py.File('secret.h5', 'w'); secret['g/x'] = np.zeros(4, 'f4'); secret.close()
open('secret.raw', 'wb').write(bytes(16))
f = h5py.File('evil.h5', 'w')
f['external_link'] = h5py.ExternalLink('secret.h5', '/g/x')
f['external_group'] = h5py.ExternalLink('secret.h5', '/g')
f['good'] = np.zeros(4, 'f4')
f['soft_link'] = h5py.SoftLink('/good')
f['soft_group'] = h5py.SoftLink('/external_group')
f.create_dataset('external_storage', (4,), 'f4', external=[('secret.raw', 0, 16)])
layout = h5py.VirtualLayout((4,), 'f4'); layout[:] = h5py.VirtualSource('secret.h5', '/g/x', (4,))
f.create_virtual_dataset('virtual', layout)
f.create_dataset('bomb', (1 << 20, 1 << 20, 1 << 10), 'f4')
f.create_dataset('overflow', (1 << 62, 1 << 62), 'f4')
f.create_dataset('chunked', data=np.zeros(4, 'f4'), chunks=(2,))
f.create_dataset('filtered', data=np.zeros(400, 'f4'), compression='gzip')
f.create_dataset('rank', data=np.zeros((1,) * 9, 'f4'))
f.create_dataset('unwritten', (4,), 'f4')
f['type'] = np.dtype('f4')
f['big_endian'] = np.zeros(4, '>f4')
f['half'] = np.zeros(4, 'f2')
f['variable'] = 'text of any length'
f['reference'] = np.array([f.ref], dtype=h5py.ref_dtype)
f['compound'] = np.zeros(4, [('a', 'f4'), ('b', 'f4')])
f['texts'] = np.array([b'a', b'b'])
f['null'] = h5py.Empty('f4')
f.create_group('attributes').attrs['variable'] = 'text'
f.create_group('array').attrs['array'] = np.zeros(4)
loop = f.create_group('loop'); loop['again'] = loop
f.close()
)"));
  const Hdf5Reader file(folder / "evil.h5");
  const std::map<std::string, std::string> refusals = {
      {"external_link", "is a soft or external link, which is not followed"},
      {"external_group/x", "is a soft or external link, which is not followed"},
      {"soft_link", "is a soft or external link, which is not followed"},
      {"soft_group/x", "is a soft or external link, which is not followed"},
      {"external_storage", "its bytes are in another file, which is not opened"},
      {"virtual", "is chunked, compact or virtual"},
      {"bomb", "takes 4503599627370496 bytes, but the file holds 0"},
      {"overflow", "is too large"},
      {"chunked", "is chunked, compact or virtual"},
      {"filtered", "is chunked, compact or virtual"},
      {"rank", "expected at most 8 axes, received 9"},
      {"unwritten", "takes 16 bytes, but the file holds 0"},
      {"type", "is neither a group nor a dataset"},
      {"big_endian", "its type is none of f32"},
      {"half", "its type is none of f32"},
      {"variable", "its type is none of f32"},
      {"reference", "its type is none of f32"},
      {"compound", "its type is none of f32"},
      {"texts", "an array of texts, expected a single one"},
      {"null", "expected at most 8 axes, received"},
  };
  for (const auto& [name, reason] : refusals)
    EXPECT_THAT(error_of(ErrorKind::data, [&] { file.tensor(name); }), HasSubstr(reason)) << name;
  EXPECT_THAT(error_of(ErrorKind::data, [&] { file.attributes("attributes"); }),
              HasSubstr("attributes@variable: expected an i64"));
  EXPECT_THAT(error_of(ErrorKind::data, [&] { file.attributes("array"); }),
              HasSubstr("array@array: expected a single value"));
  EXPECT_THAT(error_of(ErrorKind::data, [&] { file.datasets("/loop"); }),
              HasSubstr("nested too deeply, or in a circle"));
  EXPECT_EQ(file.tensor("good").to_vector(), std::vector<double>(4));
}

}  // namespace
}  // namespace lw
