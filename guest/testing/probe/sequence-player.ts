// SPDX-License-Identifier: MIT
/**
 * A program for `probe`: plays sequences in a guest, and prints what it does, a line of JSON
 * (PlayerLine) each. Argument: a file with PlayerInput.
 */
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { lostMemory, mountDebugfs } from '../../agent/leaks.ts'
import { randomSequences } from './random-sequence.ts'
import { play, SequenceError, type Step } from './sequence.ts'
import { logMark, type PlayerInput, type PlayerLine } from './sequence-player-lines.ts'
import { Subject } from './subject.ts'

function tell(line: PlayerLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

/** @returns whether there are none */
async function hasLostNothing(): Promise<boolean> {
  const leak = await lostMemory()
  if (leak !== '') tell({ leak })
  return leak === ''
}

/** @returns whether the next one can be played */
async function playOne(subject: Subject, steps: readonly Step[]): Promise<boolean> {
  let current = 0
  try {
    await play(subject, steps, step => {
      current = step
      tell({ step })
    })
    await subject.reload()
    return true
  } catch (error) {
    const step = error instanceof SequenceError ? error.step : current
    tell({ fault: error instanceof Error ? error.message : String(error), step })
    return false
  }
}

async function main([file = '']: readonly string[]): Promise<void> {
  const { family, modules, sequences, leaks } = JSON.parse(readFileSync(file, 'utf8')) as PlayerInput
  mountDebugfs()
  const subject = new Subject(family, { modules })
  await subject.load()
  const all =
    'seed' in sequences ? randomSequences(subject.family, sequences.seed, sequences.count) : sequences
  for (const [sequence, steps] of all.entries()) {
    writeFileSync('/dev/kmsg', `${logMark} ${sequence}`)
    tell({ sequence, steps })
    if (!(await playOne(subject, steps))) break
    if (leaks === 'after each' && !(await hasLostNothing())) break
  }
  if (leaks === 'at the end') await hasLostNothing()
  tell({ end: true })
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
