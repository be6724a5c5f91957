# lw_layer(NAME), lw_optimizer(NAME), lw_dataset(NAME): the one line that adds a layer, an optimizer, a dataset.
#
# Each is FOLDER/NAME.{h,cpp} and tests/FOLDER/NAME_test.cpp; the .cpp registers its kind for YAML.
function(lw_part folder name recipe)
  lw_require_files("`${name}` in ${folder}/" "${recipe}" ${folder}/${name}.h ${folder}/${name}.cpp tests/${folder}/${name}_test.cpp)
  target_sources(longwave PRIVATE ${PROJECT_SOURCE_DIR}/${folder}/${name}.cpp)
  lw_test(${folder}/${name})
endfunction()

function(lw_layer name)
  lw_part(layers ${name} "Add a layer")
endfunction()

function(lw_optimizer name)
  lw_part(optim ${name} "Add an optimizer")
endfunction()

function(lw_dataset name)
  lw_part(data ${name} "Add a dataset")
endfunction()
