// SPDX-License-Identifier: MIT
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** The parts of make's command line for building a kernel's modules. */
export interface KbuildCall {
  /** The kernel's source folder, for `make -C`. */
  readonly source: string
  /** Where it was built. */
  readonly output: string
  /** NAME=VALUE */
  readonly variables: readonly string[]
}

/**
 * The names that makefiles commonly use for the kernel's build folder, and for its release. (Not
 * KERNELRELEASE: makefiles test it to find out whether kbuild reads them.)
 */
export const folderNames = ['KERNELDIR', 'KERNEL_DIR', 'KERNEL_SRC', 'KDIR', 'KSRC', 'kernel_source_dir']
export const releaseNames = ['KVER', 'KVERSION', 'KERNELVER', 'kernelver']

/**
 * Makes a folder like `/lib/modules/RELEASE/build`, in which `make -C` builds modules, with the kernel's
 * headers and configuration. Debian's own does not do: its Makefile has the path it was installed to, and
 * calls a compiler that may be missing.
 */
export async function makeKernelFolder(
  folder: string,
  { source, output, variables }: KbuildCall,
): Promise<void> {
  await mkdir(path.join(folder, 'include'), { recursive: true })
  const call = [`-C ${source}`, `O=${output}`, ...variables.map(quoted)].join(' ')
  await writeFile(
    path.join(folder, 'Makefile'),
    `goals := $(or $(MAKECMDGOALS),modules)
.PHONY: $(goals)
$(firstword $(goals)):
	@$(MAKE) --no-print-directory ${call} $(goals)
$(wordlist 2,$(words $(goals)),$(goals)): $(firstword $(goals))
	@:
`,
  )
  await link(['', 'include'], [output, source], folder)
}

/** Links the contents of these folders, each from the first tree that has it. */
async function link(folders: readonly string[], trees: readonly string[], into: string): Promise<void> {
  for (const folder of folders)
    for (const tree of trees)
      for (const name of await readdir(path.join(tree, folder)).catch(() => []))
        await symlink(path.join(tree, folder, name), path.join(into, folder, name)).catch(() => {})
}

/** Quotes a variable for a recipe's shell. */
function quoted(variable: string): string {
  return `'${variable.replaceAll("'", "'\\''").replaceAll('$', '$$$$')}'`
}
