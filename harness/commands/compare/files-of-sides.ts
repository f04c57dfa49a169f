// SPDX-License-Identifier: MIT
/** Files of probes in the project's folder, which sides share that are folders of modules. */
import path from 'node:path'
import type { Side } from '../../compare/comparison.ts'
import type { ProbeFile } from '../probe/probe-files.ts'

/** Which side a test file runs on, in its environment. */
export const sideVariable = 'NETLINK_VMTEST_SIDE'

/** The files to write. One that differs, as that of a module with another name, runs the one of its side. */
export function filesOfSides(files: ReadonlyMap<Side, readonly ProbeFile[]>): ProbeFile[] {
  const byPath = Map.groupBy(
    [...files].flatMap(([side, all]) => all.map(file => ({ side, file }))),
    ({ file }) => file.path,
  )
  return [...byPath.values()].flatMap(all => {
    const [first, second] = all
    if (first === undefined) return []
    if (second === undefined || first.file.content === second.file.content) return [first.file]
    const own = all.map(({ side, file: { path: place, content } }) => ({
      path: ofSide(place, side),
      content,
    }))
    return [...own, { path: first.file.path, content: chooserOf(first.file.path) }]
  })
}

function ofSide(file: string, side: Side): string {
  return file.replace(/\.test\.ts$/, `.${side}.ts`)
}

function chooserOf(file: string): string {
  const [base, head] = (['base', 'head'] as const).map(side => `./${path.basename(ofSide(file, side))}`)
  return `if (process.env.${sideVariable} === 'head')
  await import('${head}')
else await import('${base}')
`
}
