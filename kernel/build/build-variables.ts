// SPDX-License-Identifier: MIT
/** The make variables for building modules on this machine for a kernel that another compiler has built. */
export function buildVariables(config: string): string[] {
  const has = (option: string) => config.includes(`\nCONFIG_${option}=y\n`)
  return [
    // From 6.12 on the BTF of modules is made with pahole; without pahole the build fails and deletes the
    // .ko.
    ...(has('DEBUG_INFO_BTF_MODULES') ? ['CONFIG_DEBUG_INFO_BTF_MODULES='] : []),
    // gcc before 14 does not know -fmin-function-alignment; without it kbuild falls back to
    // -falign-functions.
    ...(has('CC_HAS_MIN_FUNCTION_ALIGNMENT') ? ['CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT='] : []),
    // Headers configured for gcc 15 or later use counted_by, about which an older gcc warns many times for
    // each file.
    ...(has('CC_HAS_COUNTED_BY') ? ['KCFLAGS=-Wno-attributes'] : []),
  ]
}
