// SPDX-License-Identifier: MIT
/**
 * What bench.ts runs, on the host or in a guest: the client's loops and those of C (loop.c) alternately.
 *
 *     node --expose-gc measure.ts LOOP RUNS [ONLY]
 *
 * Prints a line of JSON for each result. Makes links, so it needs a network namespace of its own.
 */
import { execFileSync } from 'node:child_process'
import { cpus, release } from 'node:os'
import { type Measurement, measurements, type Times } from './measurements.ts'
import { type MemoryResult, measureMemory } from './memory.ts'

/**
 * Medians in nanoseconds for each unit, and the median of the ratios of neighbouring runs: 1 is as fast as C.
 * The ratio of the least times is more stable where other work disturbs most runs; under emulation a guest's
 * CPU clock also counts the time in which its host does something else.
 */
export interface Comparison {
  readonly client: number
  readonly libmnl: number
  readonly ratio: number
  readonly ratioOfLeast: number
}

export interface Result {
  readonly name: string
  readonly unit: string
  readonly wall: Comparison
  readonly cpu: Comparison
  /** The least ratio. */
  readonly target: number | undefined
  readonly runs: number
}

/** The machine of the measurement. */
export interface Machine {
  readonly kernel: string
  readonly cpu: string | undefined
  readonly cpus: number
  readonly node: string
  /** Node's and V8's. */
  readonly flags: readonly string[]
}

/** The lines of output. */
export type Line =
  | { readonly machine: Machine }
  | { readonly result: Result }
  | { readonly memory: MemoryResult }

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

async function compare(program: string, measurement: Measurement, runs: number): Promise<Result> {
  const { name, unit, work, count, target } = measurement
  const units = count * (measurement.unitsEach ?? 1)
  const inC = (): Times => {
    const output = execFileSync(program, [work, `${count}`], { encoding: 'utf8', stdio: 'pipe' })
    const [wall = Number.NaN, cpu = Number.NaN] = output.split(' ').map(Number)
    return { wall, cpu }
  }
  const run = await measurement.prepare()
  // V8 compiles in the first rounds
  for (let i = 0; i < 3; i++) await run.once(count)
  const pairs: { client: Times; libmnl: Times }[] = []
  for (let i = 0; i < runs; i++) pairs.push({ libmnl: inC(), client: await run.once(count) })
  run.close()
  const least = (side: keyof (typeof pairs)[number], clock: keyof Times) =>
    Math.min(...pairs.map(pair => pair[side][clock]))
  const comparison = (clock: keyof Times): Comparison => ({
    client: median(pairs.map(({ client }) => client[clock])) / units,
    libmnl: median(pairs.map(({ libmnl }) => libmnl[clock])) / units,
    ratio: median(pairs.map(({ client, libmnl }) => libmnl[clock] / client[clock])),
    ratioOfLeast: least('libmnl', clock) / least('client', clock),
  })
  return { name, unit, wall: comparison('wall'), cpu: comparison('cpu'), target, runs }
}

const say = (line: Line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const [program = '', runs = '', only] = process.argv.slice(2)
say({
  machine: {
    kernel: release(),
    cpu: cpus()[0]?.model,
    cpus: cpus().length,
    node: process.version,
    flags: process.execArgv,
  },
})
for (const measurement of measurements) {
  if (only !== undefined && !measurement.name.includes(only)) continue
  say({ result: await compare(program, measurement, Number(runs)) })
}
if (only === undefined || 'memory'.includes(only)) say({ memory: await measureMemory() })
