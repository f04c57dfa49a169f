// SPDX-License-Identifier: MIT
/** Where measure.ts runs. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'

/** A command that runs measure.ts with these arguments. */
export interface Place {
  readonly command: string
  readonly args: readonly string[]
}

const script = path.join(import.meta.dirname, 'measure.ts')

/** This machine, in a network namespace of its own, which ends with the command. */
export function onThisMachine(loop: string, args: readonly string[]): Place {
  return { command: 'unshare', args: ['-n', process.execPath, '--expose-gc', script, loop, ...args] }
}

/**
 * A guest with that kernel, started by this project's command line. Node has the flags of test workers, which
 * are different under software emulation; `flags` replaces them.
 */
export async function inGuest(
  kernel: string,
  loop: string,
  args: readonly string[],
  flags: readonly string[] | undefined,
): Promise<Place> {
  const { build } = await import('esbuild')
  const bundle = path.join(path.dirname(loop), 'bench/measure.mjs')
  mkdirSync(path.dirname(bundle))
  await build({
    entryPoints: [script],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // koffi is in the guest
    external: ['koffi'],
  })
  const nodeFlags = '$(echo "$NETLINK_VMTEST_NODE_FLAGS" | tr , " ")'
  const shell = `exec node ${flags?.join(' ') ?? nodeFlags} --expose-gc /guest/bench/measure.mjs /root/loop "$@"`
  const cli = path.resolve(import.meta.dirname, '../../../harness/cli.ts')
  return {
    command: process.execPath,
    args: [
      ...[cli, 'exec', '--kernel', kernel, '--copy', loop, '--copy', `${path.dirname(bundle)}:/guest/bench`],
      ...['--', 'sh', '-c', shell, 'measure', ...args],
    ],
  }
}
