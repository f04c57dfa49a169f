// SPDX-License-Identifier: MIT
import type { Root } from './files.ts'

/**
 * The files for building modules, as in the kernel's scripts/package/install-extmod-build (since 6.6; earlier
 * packages had the same): Makefiles, headers and scripts of the source; generated headers, programs and
 * exported symbols of the build.
 */
const forModules = {
  folders: /^(include|scripts|arch|arch\/x86|arch\/x86\/include|tools|tools\/objtool)(\/|$)/,
  source: /^(include|arch\/x86\/include|scripts)\/|^(arch\/x86\/)?(Makefile[^/]*|Kbuild|Kconfig)$/,
  build:
    /^(include|arch\/x86\/include\/generated|scripts)\/|^tools\/objtool\/objtool$|^(Module\.symvers|System\.map|\.config|Makefile|modules\.builtin)$/,
  /** The build's intermediate files: objects, dependencies, a marker for each option. */
  not: /^scripts\/(atomic|dtc|gdb|kconfig|package)\/|\.(o|a|cmd|order|ko|mod)$|(^|\/)\.[^/]*\.(cmd|d|tmp)$|^include\/dt-bindings\/|^include\/config\/(?!auto\.conf$|kernel\.release$)/,
} as const

/**
 * The files of a built kernel that building modules needs.
 * @param source the kernel's source
 * @param output its build folder: the same, or another one (`make O=`)
 * @returns roots for `build`, and for `source` if the source is apart
 */
export function filesForModules(source: string, output: string): Root[] {
  const { folders, not } = forModules
  const sources = (name: string) => forModules.source.test(name) && !not.test(name)
  const builds = (name: string) => forModules.build.test(name) && !not.test(name)
  if (source === output)
    return [{ at: 'build', folder: output, enter: folders, keep: name => sources(name) || builds(name) }]
  return [
    { at: 'source', folder: source, enter: folders, keep: sources },
    { at: 'build', folder: output, enter: folders, keep: builds },
  ]
}
