/**
 * The client's speed, beside loops of C on libmnl that do the same (loop.c): medians of runs that take turns, as ratios.
 *
 *     npm run bench:netlink -- [--json FILE] [--runs N] [--only NAME]
 *
 * As root, on the host, in a network namespace of its own; it wants gcc and libmnl-dev.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Measurement, measurements, type Times } from './measurements.ts'
import { measureMemory } from './memory.ts'

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    runs: { type: 'string', default: '21' },
    only: { type: 'string' },
    'in-namespace': { type: 'boolean', default: false },
  },
})

const say = (text: string) => process.stdout.write(`${text}\n`)
const fail = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

/** Medians in nanoseconds for each unit, and the median of the ratios of runs next to each other: 1 is as fast as C. */
interface Comparison {
  readonly client: number
  readonly libmnl: number
  readonly ratio: number
}

interface Result {
  readonly name: string
  readonly unit: string
  readonly wall: Comparison
  readonly cpu: Comparison
  /** The least ratio. */
  readonly target: number | undefined
  readonly runs: number
}

function compile(folder: string): string {
  const program = path.join(folder, 'loop')
  const source = path.join(import.meta.dirname, 'loop.c')
  const { status, stderr, error } = spawnSync('gcc', ['-O2', '-o', program, source, '-lmnl'], {
    encoding: 'utf8',
  })
  if (error) fail('gcc is missing: install gcc and libmnl-dev')
  if (status !== 0)
    fail(stderr.includes('libmnl/libmnl.h') ? 'libmnl-dev is missing: install it' : `loop.c: ${stderr}`)
  return program
}

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
  // V8 needs some rounds to compile
  for (let i = 0; i < 3; i++) await run.once(count)
  const pairs: { client: Times; libmnl: Times }[] = []
  for (let i = 0; i < runs; i++) pairs.push({ libmnl: inC(), client: await run.once(count) })
  run.close()
  const comparison = (clock: keyof Times): Comparison => ({
    client: median(pairs.map(({ client }) => client[clock])) / units,
    libmnl: median(pairs.map(({ libmnl }) => libmnl[clock])) / units,
    ratio: median(pairs.map(({ client, libmnl }) => libmnl[clock] / client[clock])),
  })
  return { name, unit, wall: comparison('wall'), cpu: comparison('cpu'), target, runs }
}

function format({ name, unit, wall, cpu, target }: Result): string {
  const times = ({ client, libmnl, ratio }: Comparison) =>
    `${(client / 1000).toFixed(2)} µs a ${unit}, libmnl ${(libmnl / 1000).toFixed(2)} µs, ${ratio.toFixed(2)} x`
  const verdict =
    target === undefined ? '' : ` (at least ${target}: ${cpu.ratio >= target ? 'reached' : 'MISSED'})`
  return `${name}${verdict}\n  work:  ${times(cpu)}\n  clock: ${times(wall)}`
}

async function main(): Promise<void> {
  if (process.geteuid?.() !== 0)
    fail('the benchmark needs root: it makes links, in a network namespace of its own')
  if (!options['in-namespace']) {
    // nothing on this host is touched, and everything is gone with it
    const args = [...process.execArgv, ...process.argv.slice(1), '--in-namespace']
    const { status } = spawnSync('unshare', ['-n', process.execPath, ...args], { stdio: 'inherit' })
    process.exit(status ?? 1)
  }
  const runs = Math.max(1, Number(options.runs))
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-netlink-'))
  const results: Result[] = []
  try {
    const program = compile(folder)
    for (const measurement of measurements) {
      if (options.only !== undefined && !measurement.name.includes(options.only)) continue
      const result = await compare(program, measurement, runs)
      results.push(result)
      say(format(result))
    }
    const memory = options.only === undefined || options.only === 'memory' ? await measureMemory() : undefined
    if (memory !== undefined)
      say(
        `memory: ${(memory.growth / 1024).toFixed(0)} KiB more after ${memory.messages} messages than after ${memory.before}`,
      )
    const machine = { kernel: release(), cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version }
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify({ machine, results, memory }, null, 2)}\n`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

await main()
