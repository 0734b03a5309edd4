# Stages that compile rings 0 and 1 as Embedded Swift and link ring 0 without an allocator.
# scripts/stages reads this file.

# The traits change what is compiled, so each way of building has a folder of its own.
embedded_host() {
  TALLYSTICK_EDGE=1 swift build --configuration release --target "$1" --traits Embedded \
    --scratch-path .build/embedded-host
}
embedded_armv7em() {
  TALLYSTICK_EDGE=1 swift build --configuration release --target "$1" --traits Embedded \
    --scratch-path .build/embedded-armv7em --triple armv7em-none-none-eabi
}

# The link proof: Tests/EmbeddedLink with all of ring 0, and no malloc, free or posix_memalign anywhere.
embedded_link_host() {
  link_ring0 .build/test/link-host x86_64-unknown-linux-gnu x86_64-unknown-linux-gnu
  .build/test/link-host/program
}
embedded_link_armv7em() {
  link_ring0 .build/test/link-armv7em armv7em-none-none-eabi armv7em-none-eabi \
    -mcpu=cortex-m4 -mfloat-abi=soft
}

# link_ring0 FOLDER TRIPLE C-TRIPLE [C-OPTION...]
link_ring0() {
  local out=$1 triple=$2 c_triple=$3 target missing tools
  shift 3
  tools=$(dirname "$(readlink -f "$(command -v swiftc)")")
  rm -rf "$out" && mkdir -p "$out"
  "$tools/clang" --target="$c_triple" "$@" -Os -ffreestanding -fno-builtin -ffunction-sections \
    -Wall -Wextra -Werror -c Tests/EmbeddedLink/runtime.c -o "$out/runtime.o"
  for target in $ring0; do
    compile_embedded "$out" "$triple" "$target" "$target.o" "Sources/$target" -no-allocations \
      -emit-module -emit-module-path "$out/$target.swiftmodule"
  done
  compile_embedded "$out" "$triple" Program program.o Tests/EmbeddedLink -no-allocations
  link_program "$tools" "$out" program
  # The proof is worth something only if it can fail.
  compile_embedded "$out" "$triple" Program allocating.o Tests/EmbeddedLink -D ALLOCATES
  if link_program "$tools" "$out" allocating 2>"$out/allocating.log"; then
    echo "a program that appends to an Array was linked without an allocator"
    return 1
  fi
  for missing in posix_memalign free; do
    grep "undefined symbol: $missing\$" "$out/allocating.log"
  done
}

# compile_embedded FOLDER TRIPLE MODULE OBJECT SOURCES [OPTION...]: as Package.swift has it with its
# trait, but each function in a section of its own, so that the linker can leave it out.
compile_embedded() {
  local out=$1 triple=$2 module=$3 object=$4 sources=$5
  shift 5
  find "$sources" -name '*.swift' -print0 | sort -z | xargs -0 swiftc \
    -target "$triple" -Osize -wmo -parse-as-library -swift-version 6 -warnings-as-errors \
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility \
    -enable-experimental-feature Embedded -enable-experimental-feature Lifetimes \
    -Xfrontend -function-sections -module-name "$module" -I "$out" "$@" -c -o "$out/$object"
}

# link_program TOOLS FOLDER NAME
link_program() {
  local target objects=()
  for target in $ring0; do objects+=("$2/$target.o"); done
  "$1/ld.lld" --static --gc-sections --entry=_start "$2/$3.o" "$2/runtime.o" "${objects[@]}" -o "$2/$3"
}
