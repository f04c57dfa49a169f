// SPDX-License-Identifier: MIT
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Step } from '../../../guest/testing/probe/sequence.ts'
import type { Found } from './random.ts'

/** The folder for what was found, in the project's. Nothing removes it. */
const folder = 'probe-found'

/**
 * Writes a test file that plays a sequence, to be kept.
 * @param root the project's folder
 * @param isShared whether several modules have a family of that name
 * @returns its path in the project
 */
export function writeFound(root: string, found: Found, isShared = false): string {
  const { name: family, modules } = found.family
  const own = [encodeURIComponent(family), ...(isShared ? modules : [])].join('.')
  const name = path.join(folder, `${own}-seed-${found.seed >>> 0}.test.ts`)
  const file = path.join(root, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, foundFile(found))
  return name
}

/** The test file's text. */
export function foundFile({ family, seed, reason, steps }: Found): string {
  const module = family.modules.length > 0 ? `{ module: ${inCode(family.modules)} }` : '{}'
  return `import { playSequence } from 'netlink-vmtest/testing'
import { test } from 'vitest'

// Found by probe --seed ${seed}: ${reason.replace(/\s+/g, ' ')}
test(${inCode(`${family.name}: ${count(steps.length, 'step')}`)}, async () => {
  await playSequence(${inCode(family.name)}, ${module}, [
${steps.map(step => `    ${stepInCode(step)},`).join('\n')}
  ])
})
`
}

function stepInCode(step: Step): string {
  const fields = Object.entries(step).map(([name, value]) => `${name}: ${inCode(value)}`)
  return `{ ${fields.join(', ')} }`
}

/** A plain value as TypeScript, with single quotes. */
function inCode(value: unknown): string {
  if (typeof value === 'string')
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
  if (Array.isArray(value)) return `[${value.map(inCode).join(', ')}]`
  return JSON.stringify(value)
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
