// Data files that are missing, damaged or unfit, and text that a model cannot read.
#include "tests/apps/bad_input.h"

namespace lw {
namespace {

TEST_F(BadInput, IdxFiles) {
  const BadInputCase table[] = {
      {"rm mnist/train-images-idx3-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: there is no such file, with or without .gz; `longwave data fetch mnist` gets it
)"},
      {"rm mnist/train-labels-idx1-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-labels-idx1-ubyte: error: there is no such file, with or without .gz; `longwave data fetch mnist` gets it
)"},
      {"truncate -s 50 mnist/train-images-idx3-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: the header declares 48 bytes, the file holds 34
)"},
      {"truncate -s 10 mnist/train-images-idx3-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: the file ends inside its header
)"},
      {"echo >> mnist/train-images-idx3-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: the header declares 48 bytes, the file holds more
)"},
      {"cp mnist/train-labels-idx1-ubyte mnist/train-images-idx3-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: expected the idx magic number 2051, found 2049
)"},
      {"cp mnist/t10k-labels-idx1-ubyte mnist/train-labels-idx1-ubyte", "train mnist.yaml", 3,
       R"($DIR/mnist/train-labels-idx1-ubyte: error: there are 2 labels for the 3 images of $DIR/mnist/train-images-idx3-ubyte
)"},
      {"gzip mnist/train-images-idx3-ubyte && truncate -s 40 mnist/train-images-idx3-ubyte.gz",
       "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte.gz: error: the compressed data is cut short
)"},
      {R"(gzip -n mnist/train-images-idx3-ubyte && printf '\377\377' | dd of=mnist/train-images-idx3-ubyte.gz bs=1 seek=20 conv=notrunc status=none)",
       "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte.gz: error: the compressed data is damaged
)"},
      {R"(printf '\0\0\10\3\0\0\0\0\0\0\0\4\0\0\0\4' > mnist/train-images-idx3-ubyte)",
       "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: the header declares an axis of size 0, which makes no sense
)"},
      {R"(printf '\0\0\10\3\377\377\377\377\377\377\377\377\377\377\377\377' > mnist/train-images-idx3-ubyte)",
       "train mnist.yaml", 3,
       R"($DIR/mnist/train-images-idx3-ubyte: error: the header declares an axis of size 4294967295, which makes no sense
)"},
      {"", "train mnist.yaml data.root=nowhere", 3,
       R"(longwave train: error: data.root: there is no folder $DIR/nowhere
  `longwave data fetch mnist` gets the files; or set data.root=DIR
)"},
      {"", "train digits.yaml data.kind=mnist", 3,
       R"(longwave train: error: data.root: no folder is given for `mnist`
  set data.root=DIR to the folder that holds its files, or LONGWAVE_DATA to the folder above mnist/;
  `longwave data fetch mnist` gets the files
)"},
      {"", "train mnist.yaml data.validation=3", 2,
       R"(longwave train: error: data.validation is 3, but there are only 3 training images
)"},
      {"", "train mnist.yaml data.length=17", 2,
       R"(longwave train: error: data.length is 17, but an image has 16 pixels
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, Text) {
  const BadInputCase table[] = {
      {"", R"(train text.yaml "data.files=['*.rst']")", 3,
       R"($DIR: error: no file matches `*.rst` (data.files)
)"},
      {"", "train text.yaml data.files=[]", 2,
       R"(override `data.files=[]`: error: `data.files` is an empty list, expected at least one entry
)"},
      {"", "train text.yaml data.root=nowhere", 3,
       R"(longwave train: error: data.root: there is no folder $DIR/nowhere
  `longwave data fetch tinyshakespeare` gets the files; or set data.root=DIR
)"},
      {"", "train text.yaml data.length=200", 3,
       R"($DIR: error: the training part of the corpus has 64 tokens, too few for windows of data.length = 200
  add text, or make data.length or data.validation smaller
)"},
      {"rm input.txt && touch input.txt", "train text.yaml", 3,
       R"($DIR: error: the training part of the corpus has 0 tokens, too few for windows of data.length = 8
  add text, or make data.length or data.validation smaller
)"},
      {"", "train text.yaml data.length=9223372036854775807", 3,
       R"($DIR: error: the training part of the corpus has 64 tokens, too few for windows of data.length = 9223372036854775807
  add text, or make data.length or data.validation smaller
)"},
      {"printf x > input.txt", "train text.yaml data.length=1", 3,
       R"($DIR: error: the training part of the corpus has 1 tokens, too few for windows of data.length = 1
  add text, or make data.length or data.validation smaller
)"},
      {"printf 0123456789 > input.txt", "train text.yaml", 3,
       R"($DIR: error: the training part of the corpus has 8 tokens, too few for windows of data.length = 8
  add text, or make data.length or data.validation smaller
)"},
      {"", "train text.yaml data.validation=1.5", 2,
       R"(override `data.validation=1.5`: error: `data.validation` is 1.5, expected a number at least 0 and less than 1
)"},
      {"", "train text.yaml data.tokens=words", 2,
       R"(override `data.tokens=words`: error: `data.tokens` is `words`, expected one of: characters, bytes
)"},
      {"", "generate text --prompt Xone", 2,
       R"(longwave generate: error: --prompt: text: the character `X` at byte 0 is not among the 16 characters of the training corpus
)"},
      {"", "generate text --prompt ''", 2,
       R"(longwave generate: error: generate: the prompt is empty; give at least one character with --prompt
)"},
      {"", "generate text --prompt é", 2,
       R"(longwave generate: error: --prompt: text: the character `é` at byte 0 is not among the 16 characters of the training corpus
)"},
      {"", R"call(generate text --prompt "$(printf 'one\377')")call", 2,
       R"(longwave generate: error: --prompt: text: the character `\xff` at byte 3 is not among the 16 characters of the training corpus
)"},
      {"sed -i s/x/z/ input.txt", "eval text data.root=.", 3,
       R"(text/ckpt/step-00000001: error: the tokens of the model are 16 characters, those of the data 16 characters, but others
  put the text back, or name the folder that holds it with data.root=DIR
)"},
      {"sed -i s/x/z/ input.txt", "train text.yaml --init-from text", 3,
       R"(text/ckpt/step-00000001: error: the tokens of the model are 16 characters, those of the data 16 characters, but others
  a model goes on with a text of the same characters; one of data.tokens=bytes, with any text
)"},
      {"", "train text.yaml --init-from text data.tokens=bytes", 3,
       R"(text/ckpt/step-00000001: error: the tokens of the model are 16 characters, those of the data 256 bytes
  a model goes on with a text of the same characters; one of data.tokens=bytes, with any text
)"},
      {"", "generate digits", 2,
       R"(longwave generate: error: generate: digits is no language model
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, Series) {
  const BadInputCase table[] = {
      {"", "train series.yaml data.file=other.csv", 3,
       R"($DIR/other.csv: error: cannot open: No such file or directory
)"},
      {"", "train series.yaml data.targets=[z]", 2,
       R"(longwave train: error: data.targets: `z` is not among the columns that $DIR/series.csv is read for
)"},
      {"", "train series.yaml data.targets=[date]", 2,
       R"(longwave train: error: data.targets: `date` is not among the columns that $DIR/series.csv is read for
)"},
      {R"(printf 'x,y\n1,2\n3,four\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv:3:2: error: column `y`: expected a number, received `four`
)"},
      {R"(printf 'x,y\n1,2\n3\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv:3: error: expected 2 fields, as the first line has, received 1
)"},
      {R"(printf 'x,y\n1,2\n3,1e999\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv:3:2: error: column `y`: expected a number that is finite as f32, received `1e999`
)"},
      {R"(printf 'x,y\n1,2\n3,\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv:3:2: error: column `y`: the value is missing
  data.nan=drop leaves such rows out, data.nan=forward repeats the value above
)"},
      {R"(printf 'x,x\n1,2\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv:1:2: error: a second column is named `x`
)"},
      {R"(printf 'x,y\n1,"2\n3,4\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv:2:2: error: the quote that opens this field is never closed
)"},
      {"printf '' > series.csv", "train series.yaml", 3,
       R"($DIR/series.csv:1: error: the file is empty; expected a first line that names the columns
)"},
      {R"(printf 'x,y\n1,2\n3,4\n' > series.csv)", "train series.yaml", 3,
       R"($DIR/series.csv: error: the training part has 2 rows, too few for data.length = 6 and data.horizon = 3
)"},
      {"rm series.csv && mkdir series.csv", "train series.yaml", 3,
       R"($DIR/series.csv: error: expected a regular file
)"},
      {"", "train series.yaml data.length=100", 3,
       R"($DIR/series.csv: error: the training part has 28 rows, too few for data.length = 100 and data.horizon = 3
)"},
      {"", "train series.yaml data.length=9223372036854775807", 3,
       R"($DIR/series.csv: error: the training part has 28 rows, too few for data.length = 9223372036854775807 and data.horizon = 3
)"},
      {"", "train series.yaml data.columns=[x,x]", 2,
       R"(longwave train: error: data.columns: `x` is named twice
)"},
      {"", "eval series data.validation=0 data.test=0", 2,
       R"(longwave eval: error: this dataset has neither a test nor a val split; --split train measures the training samples
)"},
      {"", "train series.yaml data.validation=0.6 data.test=0.6", 2,
       R"(longwave train: error: data.validation + data.test is 1.2, which leaves no rows for training
)"},
      {"", "train series.yaml data.borders=[10,20,99]", 3,
       R"($DIR/series.csv: error: 40 rows, but data.borders ends at row 99
)"},
      {"", "train series.yaml data.borders=[20,10]", 2,
       R"(longwave train: error: data.borders: expected rows that do not decrease, received 20, 10, 40
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, FilesToPredict) {
  const BadInputCase table[] = {
      {"", "predict digits nowhere", 3,
       R"(nowhere: error: cannot be opened: No such file or directory
)"},
      {"", "predict digits input.txt", 3,
       R"(input.txt: error: expected the idx magic number 2051, found 1869505824
)"},
      {"", "predict digits mnist", 3,
       R"(mnist: error: this is a folder, expected an idx file
)"},
      {"", "predict text nowhere", 3,
       R"(nowhere: error: cannot open: No such file or directory
)"},
      {"", "predict series input.txt", 3,
       R"(input.txt:1: error: there is no column `x`
)"},
  };
  expect_refused(table);
}

}  // namespace
}  // namespace lw
