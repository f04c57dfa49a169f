// SPDX-License-Identifier: MIT
/**
 * A program for `probe`: plays sequences in a guest, and prints what it does, a line of JSON
 * (PlayerLine) each. Argument: a file with PlayerInput.
 */
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { kernel } from '../kernel.ts'
import { randomSequences } from './random-sequence.ts'
import { play, SequenceError, type Step } from './sequence.ts'
import { logMark, type PlayerInput, type PlayerLine } from './sequence-player-lines.ts'
import { Subject } from './subject.ts'

/** Milliseconds after which kmemleak tells of an object (MSECS_MIN_AGE of mm/kmemleak.c), and some more. */
const LEAK_AGE = 5_500

function tell(line: PlayerLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

async function lookForLeaks(): Promise<void> {
  if (!kernel.hasKmemleak) return
  await setTimeout(LEAK_AGE)
  // Twice: an object whose checksum has changed since is told the next time.
  for (let scan = 0; scan < 2; scan++) writeFileSync('/sys/kernel/debug/kmemleak', 'scan')
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
  const subject = new Subject(family, { modules })
  await subject.load()
  const all =
    'seed' in sequences ? randomSequences(subject.family, sequences.seed, sequences.count) : sequences
  for (const [sequence, steps] of all.entries()) {
    writeFileSync('/dev/kmsg', `${logMark} ${sequence}`)
    tell({ sequence, steps })
    if (!(await playOne(subject, steps))) break
    if (leaks === 'after each') await lookForLeaks()
  }
  if (leaks === 'at the end') await lookForLeaks()
  tell({ end: true })
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
