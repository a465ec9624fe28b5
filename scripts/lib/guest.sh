# shellcheck shell=bash disable=SC2034,SC2154 # shared with the scripts that source this
# The toolchain of the guest: Rust's standard library and a C compiler and library for wasm32-wasip2.

guest_target=wasm32-wasip2
guest_dir=$root/target/guest

# Lua reports errors by setjmp and longjmp; LLVM emits the exception instructions that engines
# accept from this version on.
llvm_minimum=20
llvm_packages=(clang-22 lld-22 llvm-22)
# The first wasi-libc with both wasip2 and setjmp.
wasi_libc_minimum=0.0~git20240708
wrapped=(
    lua_geti lua_seti lua_compare lua_checkstack lua_load luaC_fullgc
    luaT_gettmbyobj luaT_getvarargs luaE_extendCI luaE_shrinkCI luaH_next luaX_next luaO_str2num
)
debian_rust_packages=(rustc-web cargo-web rust-web-src)

# Which standard library there is: `rustup` if the Rust on PATH has one for the target, `debian` if
# Debian's compiler can build one, or nothing. CU_GUEST_STD chooses.
guest_std() {
    if [[ -n ${CU_GUEST_STD:-} ]]; then
        echo "$CU_GUEST_STD"
    elif rustup_std_present; then
        echo rustup
    elif debian_std_present; then
        echo debian
    fi
}

rustup_std_present() {
    local folder
    folder=$(rustc --print target-libdir --target "$guest_target" 2>/dev/null) || return 1
    compgen -G "$folder/libstd-*.rlib" >/dev/null
}

debian_std_present() {
    local package
    for package in "${debian_rust_packages[@]}"; do
        package_installed "$package" || return 1
    done
}

# The program of that name in a Debian package. Rustup's programs of the same name come first on
# PATH, so these are called by their full path.
debian_program() {
    dpkg-query -L "$1" | grep -x "/usr/bin/$2"
}

# Sets clang, llvm_ar and wasm_ld to programs of one LLVM. False if there is no suitable one.
find_llvm() {
    local version
    if [[ -n ${WASI_SDK_PATH:-} ]]; then
        clang=$WASI_SDK_PATH/bin/clang llvm_ar=$WASI_SDK_PATH/bin/llvm-ar wasm_ld=$WASI_SDK_PATH/bin/wasm-ld
        [[ -x $clang && -x $llvm_ar && -x $wasm_ld ]]
        return
    fi
    for version in 22 23 24 25 21 20; do
        clang=$(command -v "clang-$version") || continue
        llvm_ar=$(command -v "llvm-ar-$version") || continue
        wasm_ld=$(command -v "wasm-ld-$version") || continue
        return 0
    done
    return 1
}

# Sets libc_include and libc_lib to the folders of wasi-libc. False if there is none.
find_wasi_libc() {
    local prefix=/usr
    [[ -n ${WASI_SDK_PATH:-} ]] && prefix=$WASI_SDK_PATH/share/wasi-sysroot
    libc_include=$prefix/include/$guest_target
    libc_lib=$prefix/lib/$guest_target
    [[ -d $libc_include && -f $libc_lib/libsetjmp.a && -f $libc_lib/crt1-reactor.o ]]
}

# Debian's Rust has no linker for components. Rustup's Rust carries one; the registry has it as well.
find_component_linker() {
    local sysroot host
    sysroot=$(rustc --print sysroot) && host=$(rustc -vV | sed -n 's/^host: //p')
    for component_ld in "$sysroot/lib/rustlib/$host/bin/wasm-component-ld" "$guest_dir/tools/bin/wasm-component-ld"; do
        [[ -x $component_ld ]] && return 0
    done
    return 1
}

# Sets guest_cargo to the cargo command and exports what it needs to build for the target.
use_guest_toolchain() {
    local std=$1 flags
    if ! find_llvm || ! find_wasi_libc; then
        fail 'no C compiler or C library for the guest; run scripts/setup guest'
    fi

    mkdir -p "$guest_dir/bin"
    ln -sfn "$wasm_ld" "$guest_dir/bin/wasm-ld"
    export PATH="$guest_dir/bin:$PATH"
    export CARGO_TARGET_DIR=$guest_dir
    export "CC_${guest_target//-/_}=$clang" "AR_${guest_target//-/_}=$llvm_ar"
    # Lua's own way out to the terminal leads nowhere here; without it, C's streams are not linked.
    flags=(
        -isystem "$libc_include"
        -O3
        # What comes before each of Lua's files. It is found by its folder below, which may have spaces.
        -include cu-lua.h
        '-Dlua_writestring(s,l)=((void)0)'
        '-Dlua_writeline()=((void)0)'
        '-Dlua_writestringerror(s,p)=((void)0)'
        # Compared bytes are counted, and numbers are written by our own: guest/src/lua/wrap.rs and
        # guest/component/src/number.rs.
        -Dstrcoll=cu_strcoll
        -Dmemcmp=cu_memcmp
        -Dsnprintf=cu_snprintf
        # Counts instructions where Lua looks for a hook, and as many steps of patterns, as
        # guest/src/lua/budget.rs explains. The comments stand for spaces, at which the flags are split.
        '-Dluai_likely(x)=__builtin_expect((x)!=0,1)'
        '-Dluai_unlikely(x)=__builtin_expect(!__builtin_strcmp(#x,"trap")?({extern/**/int/**/cu_countdown;extern/**/int/**/cu_count(void);(x)!=0||(--cu_countdown<0&&cu_count());}):!__builtin_strncmp(#x,"ms->matchdepth",14)?({extern/**/int/**/cu_countdown,cu_match_cost;extern/**/int/**/cu_count(void);(x)!=0||((cu_countdown-=cu_match_cost)<0&&cu_count());}):(x)!=0,0)'
    )
    export "CFLAGS_${guest_target//-/_}=${flags[*]}"
    export C_INCLUDE_PATH=$root/guest/component/lua
    # One libc for Lua and Rust on both roads: guest/component/src/link.rs is written against it.
    flags=(
        -C link-self-contained=no
        -L "native=$libc_lib"
        -C "link-arg=$libc_lib/crt1-reactor.o"
        -C link-arg=-lc
        -C link-arg=--strip-all
        # Where work is counted that no instruction stands for; guest/src/lua/wrap.rs has what stands behind.
        "${wrapped[@]/#/-Clink-arg=--wrap=}"
        # Paths of this machine would otherwise be in the panic messages.
        --remap-path-prefix "$root=cu"
        --remap-path-prefix "${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
    )
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
    export CARGO_ENCODED_RUSTFLAGS

    guest_cargo=(cargo)
    guest_cargo_options=(--target "$guest_target" --profile component)
    if [[ $std == debian ]]; then
        find_component_linker || fail 'no wasm-component-ld; run scripts/setup guest'
        ln -sfn "$component_ld" "$guest_dir/bin/wasm-component-ld"
        RUSTC=$(debian_program rustc-web rustc)
        export RUSTC RUSTC_BOOTSTRAP=1
        guest_cargo=("$(debian_program cargo-web cargo)")
        guest_cargo_options+=(-Z 'build-std=std,panic_abort')
    fi
    forget_lua_if_flags_changed
}

# Cargo does not watch the C compiler, its flags and our header: mlua-sys's build script does not ask for it.
forget_lua_if_flags_changed() {
    local stamp=$guest_dir/c-flags now
    now=$("$clang" --version | head -n 1; env | grep "_${guest_target//-/_}=" | sort; cat .cargo/config.toml guest/component/lua/cu-lua.h)
    [[ -f $stamp && "$(<"$stamp")" == "$now" ]] && return
    rm -rf "$guest_dir/$guest_target/component/build/mlua-sys-"* "$guest_dir/$guest_target/component/.fingerprint/mlua-sys-"*
    printf '%s\n' "$now" >"$stamp"
}
