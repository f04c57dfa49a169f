import type { Root } from './files.ts'

/**
 * What modules are built with, as the kernel's own scripts/package/install-extmod-build picks it (since 6.6; the packages
 * of earlier kernels took the same): of the source the Makefiles, headers and scripts, of the build the generated headers,
 * programs, and what it exports.
 */
const forModules = {
  folders: /^(include|scripts|arch|arch\/x86|arch\/x86\/include|tools|tools\/objtool)(\/|$)/,
  source: /^(include|arch\/x86\/include|scripts)\/|^(arch\/x86\/)?(Makefile[^/]*|Kbuild|Kconfig)$/,
  build:
    /^(include|arch\/x86\/include\/generated|scripts)\/|^tools\/objtool\/objtool$|^(Module\.symvers|System\.map|\.config|Makefile|modules\.builtin)$/,
  /** What the build has left for itself: objects, dependencies, a marker for each option. */
  not: /^scripts\/(atomic|dtc|gdb|kconfig|package)\/|\.(o|a|cmd|order|ko|mod)$|(^|\/)\.[^/]*\.(cmd|d|tmp)$|^include\/dt-bindings\/|^include\/config\/(?!auto\.conf$|kernel\.release$)/,
} as const

/**
 * What modules are built with, of a kernel that was built.
 * @param source the kernel's source
 * @param output where it was built: the same folder, or another one (`make O=`)
 * @returns to go into `build`, and what is of a source that lies apart into `source`
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
