# shellcheck shell=bash disable=SC2034 # shared with the scripts that source this
# How cargo builds, tests and checks the crates of this machine.
#
# Everywhere the same selection of packages and features, and in release: with another one, cargo
# would compile wasmtime again, which takes minutes.

native=(--release --workspace --features cu-conformance/wasmtime)
# A test among the targets makes cargo count the features that the tests need, too.
native_command=(--bin cu --test guest)
