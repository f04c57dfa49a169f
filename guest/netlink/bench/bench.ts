// SPDX-License-Identifier: MIT
/**
 * The client's speed beside loops of C on libmnl (loop.c) that do the same: medians of alternating runs, as
 * ratios.
 *
 *     npm run bench:netlink -- [--kernel LABEL [--v8-flags FLAGS]] [--json FILE] [--runs N] [--only NAME]
 *
 * On this machine (as root), or in a guest with this kernel. Needs gcc and libmnl-dev.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Command, InvalidArgumentError } from 'commander'
import type { Comparison, Line, Result } from './measure.ts'
import { measurements } from './measurements.ts'
import { inGuest, onThisMachine } from './places.ts'

const options = new Command('npm run bench:netlink --')
  .description('Measures the client beside C on libmnl, as root on this machine, or in a guest.')
  .option('--kernel <label>', 'in a guest that has this kernel')
  .option('--v8-flags <flags>', 'separated by blanks, with --kernel')
  .option('--json <file>', 'write the figures there')
  .option('--runs <number>', 'how often each is measured', numberOfRuns, 21)
  .option('--only <name>', "the comparisons that have this in their names, or 'memory'", nameOfSome)
  .showHelpAfterError('(--help shows what there is)')
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ kernel?: string; v8Flags?: string; json?: string; runs: number; only?: string }>()

function numberOfRuns(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number, 1 at least.')
}

function nameOfSome(text: string): string {
  const names = [...measurements.map(({ name }) => name), 'memory']
  if (names.some(name => name.includes(text))) return text
  throw new InvalidArgumentError(`There are: ${names.join('; ')}.`)
}

const say = (text: string) => process.stdout.write(`${text}\n`)
const fail = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

function compile(folder: string): string {
  const program = path.join(folder, 'loop')
  const source = path.join(import.meta.dirname, 'loop.c')
  const { status, stderr, error } = spawnSync('gcc', ['-O2', '-Wall', '-o', program, source, '-lmnl'], {
    encoding: 'utf8',
  })
  if (error) fail('gcc is missing: install gcc and libmnl-dev')
  if (status !== 0)
    fail(stderr.includes('libmnl/libmnl.h') ? 'libmnl-dev is missing: install it' : `loop.c: ${stderr}`)
  return program
}

function format({ name, unit, wall, cpu, target }: Result): string {
  const times = ({ client, libmnl, ratio, ratioOfLeast }: Comparison) =>
    `${(client / 1000).toFixed(2)} µs a ${unit}, libmnl ${(libmnl / 1000).toFixed(2)} µs, ${ratio.toFixed(2)} x (least times: ${ratioOfLeast.toFixed(2)} x)`
  const verdict =
    target === undefined ? '' : ` (at least ${target}: ${cpu.ratio >= target ? 'reached' : 'MISSED'})`
  return `${name}${verdict}\n  work:  ${times(cpu)}\n  clock: ${times(wall)}`
}

function describe(line: Line): string {
  if ('result' in line) return format(line.result)
  if ('memory' in line) {
    const { growth, messages, before } = line.memory
    return `memory: ${(growth / 1024).toFixed(0)} KiB more after ${messages} messages than after ${before}`
  }
  const { kernel, cpu, cpus, node, flags } = line.machine
  return `Linux ${kernel}, ${cpus} x ${cpu}, node ${node} ${flags.join(' ')}`
}

async function main(): Promise<number> {
  const { kernel, only } = options
  if (kernel === undefined && process.geteuid?.() !== 0)
    fail('the benchmark needs root: it makes links, in a network namespace of its own')
  const args = [`${options.runs}`, ...(only === undefined ? [] : [only])]
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-netlink-'))
  try {
    const loop = compile(folder)
    const place =
      kernel === undefined
        ? onThisMachine(loop, args)
        : await inGuest(kernel, loop, args, options.v8Flags?.split(' '))
    const child = spawn(place.command, place.args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code ?? 1))
    })
    const lines: Line[] = []
    for await (const text of createInterface(child.stdout)) {
      const line = JSON.parse(text) as Line
      lines.push(line)
      say(describe(line))
    }
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(lines, null, 2)}\n`)
    return await ended
  } finally {
    rmSync(folder, { recursive: true })
  }
}

process.exitCode = await main()
