import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { runToolOrFail } from '../../harness/process.ts'

/**
 * Copies what is needed of a built tree once the kernel is there: its configuration, System.map, and the part with
 * which modules are built, as the kernel's own scripts/package/install-extmod-build picks it (since 6.6; the packages
 * of earlier kernels took the same).
 * @param tree a kernel built in its own source folder
 * @param target the folder that the pruned tree is to be
 */
export async function keepForModules(tree: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  await runToolOrFail(
    'bash',
    [
      '-c',
      `set -euo pipefail
      cd "$1"
      {
        printf '%s\\0' Makefile .config Module.symvers System.map modules.builtin
        find arch/x86 -maxdepth 1 -name 'Makefile*' -print0
        find arch/x86 -name include -type d -print0
        find include -path include/config -prune -o -type f -print0
        printf '%s\\0' include/config/auto.conf include/config/kernel.release
        find scripts \\( -name atomic -o -name dtc -o -name kconfig -o -name package -o -name gdb \\) -prune \\
          -o ! -name '*.o' ! -name '.*.cmd' \\( -type f -o -type l \\) -print0
        test ! -e tools/objtool/objtool || printf '%s\\0' tools/objtool/objtool
      } | tar -c --exclude='.*.cmd' --exclude='*.o' --null -T - | tar -x -C "$2"`,
      ...['bash', tree, target],
    ],
    { timeout: 300_000 },
  )
  // What kbuild strips from a kernel's programs, it leaves in its own: half of their size.
  await runToolOrFail(
    'bash',
    [
      '-c',
      'cd "$1" && find . -type f -perm -100 -exec sh -c \'strip --strip-unneeded "$@" 2>/dev/null || :\' sh {} +',
      ...['bash', path.resolve(target)],
    ],
    { timeout: 60_000 },
  )
}
