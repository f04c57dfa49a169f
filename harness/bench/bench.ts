// SPDX-License-Identifier: MIT
/**
 * `npm run bench [-- --json FILE] [--runs N] [--only NAME,...]`: the time of a boot, a restore and a test
 * file, each beside a bare QEMU that does the same. Medians of 20 unless --runs says otherwise; NAME is a key
 * of `sections` below.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { startVitest, type Vitest } from 'vitest/node'
import { encodeFrame } from '../../guest/agent/frames.ts'
import { ports } from '../../guest/agent/protocol.ts'
import { cpioArchive } from '../../images/cpio.ts'
import { findBusybox } from '../../images/image.ts'
import { hostLabel } from '../../kernel/provide.ts'
import { ownFolder } from '../base/own-folder.ts'
import { consoleProgress, silentProgress } from '../base/progress.ts'
import { idle, startWatching } from '../fixtures/watching.ts'
import { Guest, type SavedGuest } from '../guest/guest.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { vmPool } from '../pool/pool.ts'
import { prepareKernel } from '../prepare/prepare.ts'
import { checkSettings } from '../prepare/settings.ts'
import { probeEntries, tryAccelerator } from '../qemu/accelerator.ts'
import { Qemu } from '../qemu/qemu.ts'
import { Zygote } from '../template/fork/zygote.ts'
import { template } from '../template/template.ts'
import { inTurn, machine, ratio, type Series, series, table, timed } from './measure.ts'
import { atLeastOne, listed, npmCommand, temporaryFolder } from './npm-command.ts'

const sections: Readonly<Record<string, () => Promise<void>>> = {
  boots,
  restores,
  files,
  memory,
  manyFiles,
  forks,
  watch,
  wholeRun,
  probe,
  matrix,
  compare,
  provisioning,
  fromSource,
  netlink,
}
const command = npmCommand(
  'bench',
  'Measures what a boot, a restore and a test file cost, each beside a bare QEMU.',
)
  .option('--runs <number>', 'how often each is measured', atLeastOne, 20)
  .option('--only <names>', `some of ${Object.keys(sections).join(', ')}`, listed)
  .option('--json <file>', 'write the figures there')
  .parse()
const options = command.opts<{ runs: number; only?: string[]; json?: string }>()
const { runs } = options
const chosen = options.only ?? Object.keys(sections)
const unknown = chosen.filter(name => !Object.hasOwn(sections, name))
if (unknown.length > 0) command.error(`error: --only: nothing is called ${unknown.join(', ')}`)

const head = machine()
const progress = consoleProgress()
const prepared = await prepareKernel(hostLabel(), {
  settings: checkSettings({}),
  root: ownFolder,
  progress,
})
const { spec, guests } = prepared
const saved = await template(spec, prepared.delivery, silentProgress)
const folder = temporaryFolder('bench')
const results: Series[] = []
/** Guests without templates. */
const coldBoots: GuestSource = {
  acquire: () => Guest.boot(spec),
  release: guest => guest.end(),
  onLoss: () => {},
  packageFolder: prepared.delivery.package.folder,
  colours: true,
}
const add = (...more: Series[]) => {
  results.push(...more)
  process.stdout.write(`${table(more)}\n`)
}

process.stdout.write(
  `${head.processor}, ${head.cores} cores, load ${head.load.map(load => load.toFixed(1)).join(' ')}, ` +
    `${prepared.accelerator.accelerator}, ${prepared.kernel.label} (${prepared.kernel.release})\n\n`,
)
for (const [name, measure] of Object.entries(sections)) if (chosen.includes(name)) await measure()
if (options.json !== undefined)
  writeFileSync(
    options.json,
    JSON.stringify(
      { machine: head, kernel: prepared.kernel.release, accelerator: prepared.accelerator, results },
      null,
      2,
    ),
  )
process.exit(0)

/** A bare QEMU that boots the kernel to a busybox init, which powers off. */
async function bareQemu(): Promise<() => Promise<unknown>> {
  const initramfs = path.join(folder, 'bare.cpio')
  writeFileSync(initramfs, cpioArchive(probeEntries(await findBusybox())))
  return () => tryAccelerator(spec.machine.accelerator, spec.machine.kernel, initramfs, 60_000)
}

/** A cold boot, beside {@link bareQemu}. */
async function boots(): Promise<void> {
  const bareBoot = await bareQemu()
  const [bare, ours] = await inTurn(runs, {
    'bare QEMU: kernel to busybox init, and off': () => timed(bareBoot),
    'cold boot to agent and loaded test worker': async () => {
      const guest = await Guest.boot(spec)
      await guest.end()
      return guest.startTime
    },
  })
  if (bare && ours) add(bare, ours, ratio('cold boot / bare QEMU', ours, bare))
}

/** A restore until the guest answers, beside a bare QEMU that restores the same files. */
async function restores(): Promise<void> {
  const [bare, ours] = await inTurn(Math.max(runs, 20), {
    'bare QEMU: restore to the first answer': () => bareRestore(saved),
    'restore to the first result (own clock, randomness, files)': async () => {
      const guest = await Guest.restore(spec, saved, prepared.delivery.modules)
      await guest.end()
      return guest.startTime
    },
  })
  const phases = await inTurn(Math.max(runs, 20), {
    'of which until QEMU has started and loaded the state': async () => {
      const started = performance.now()
      const qemu = await startBare(saved)
      await new Promise<void>(resolve => qemu.monitor.once('RESUME', () => resolve()))
      const time = performance.now() - started
      await qemu.kill()
      return time
    },
  })
  if (bare && ours) add(bare, ours, ratio('restore / bare QEMU', ours, bare), ...phases)
}

function startBare({ ram, state }: SavedGuest): Promise<Qemu> {
  return Qemu.start(
    { ...spec.machine, ram: { type: 'file', path: ram, share: false } },
    Object.values(ports),
    state,
  )
}

async function bareRestore(from: SavedGuest): Promise<number> {
  const started = performance.now()
  const qemu = await startBare(from)
  const port = qemu.ports[ports.agent]
  const answered = new Promise<void>(resolve => port?.once('data', () => resolve()))
  port?.write(encodeFrame({ id: 1, request: { type: 'ping' } }))
  await answered
  const time = performance.now() - started
  await qemu.kill()
  return time
}

/** What one more small file costs: the difference between a long run and a short one. */
async function files(): Promise<void> {
  const few = project('few', 2)
  const many = project('many', 12)
  const [short, long, cold] = await inTurn(runs, {
    'Vitest run of 2 small files, 2 workers': () => timed(() => vitest(few, guests, 2)),
    'Vitest run of 12 small files, 2 workers': () => timed(() => vitest(many, guests, 2)),
    'Vitest run of 2 small files, 2 workers, cold boots': () => timed(() => vitest(few, coldBoots, 2)),
  })
  if (!short || !long || !cold) return
  const perFile = series(
    'one more small file, fresh kernel each',
    'ms',
    long.values.map((value, index) => (value - (short.values[index] ?? 0)) / 10),
  )
  const coldFile = series(
    'a small file by a cold boot, half a run of 2',
    'ms',
    cold.values.map(value => value / 2),
  )
  add(short, long, cold, perFile, coldFile, ratio('cold boot / restore, a file', coldFile, perFile))

  const run = await vitest(many, guests, 1)
  const diagnostics = run.state.getTestModules().map(module => module.diagnostic())
  add(
    series('phases of a small file: restore', 'ms', guests.statistics.startTimes.slice(-12)),
    series(
      '  worker start (environment)',
      'ms',
      diagnostics.map(d => d.environmentSetupDuration + d.prepareDuration),
    ),
    series(
      '  import and collect',
      'ms',
      diagnostics.map(d => d.collectDuration),
    ),
    series(
      '  tests',
      'ms',
      diagnostics.map(d => d.duration),
    ),
  )
}

/** A guest's private memory: pages it has written, and QEMU itself. */
async function memory(): Promise<void> {
  const values: number[] = []
  const measuring: GuestSource = {
    acquire: () => guests.acquire(),
    async release(guest) {
      values.push(privateMemory(guest))
      await guests.release(guest)
    },
    onLoss: loss => guests.onLoss(loss),
    packageFolder: guests.packageFolder,
    colours: true,
  }
  await vitest(project('memory', 20), measuring, 1)
  add(series('memory of a guest beyond the shared file, after a small file', 'MiB', values))
}

/** Many files in a row: whether they get slower, and whether processes or files remain. */
async function manyFiles(): Promise<void> {
  const before = leftovers()
  const ends: number[] = []
  const watching: GuestSource = {
    acquire: () => guests.acquire(),
    async release(guest) {
      ends.push(performance.now())
      await guests.release(guest)
    },
    onLoss: loss => guests.onLoss(loss),
    packageFolder: guests.packageFolder,
    colours: true,
  }
  guests.expect(200)
  await vitest(project('200', 200), watching, 1)
  await guests.close()
  const times = ends.slice(1).map((end, index) => end - (ends[index] ?? end))
  const first = series('200 files: time per file, the first 50', 'ms', times.slice(0, 50))
  const last = series('200 files: time per file, the last 50', 'ms', times.slice(-50))
  const after = leftovers()
  add(
    first,
    last,
    series('last / first', 'ratio', [last.median / first.median]),
    series('processes left over', 'count', [after.children - before.children]),
    series('descriptors left over', 'count', [after.descriptors - before.descriptors]),
  )
}

function leftovers(): { children: number; descriptors: number } {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean).length
  return { children, descriptors: readdirSync('/proc/self/fd').length }
}

/** Guests that are forked, beside restored ones: from asking to the first answer, memory, whole runs. */
async function forks(): Promise<void> {
  const { modules } = prepared.delivery
  const zygote = await Zygote.make(spec, saved, prepared.delivery.package.folder)
  const sizes: Record<'first' | 'file', number[]> = { first: [], file: [] }
  const forked = async () => {
    const guest = await zygote.fork(modules)
    sizes.first.push(privateMemory(guest))
    return guest
  }
  const [restore, fork] = await inTurn(Math.max(runs, 20), {
    'restore to the first answer': () => startTimeOf(Guest.restore(spec, saved, modules)),
    'fork to the first answer': () => startTimeOf(forked()),
  })
  const source: GuestSource = {
    acquire: forked,
    async release(guest) {
      sizes.file.push(privateMemory(guest))
      await guest.end()
    },
    onLoss: () => {},
    packageFolder: prepared.delivery.package.folder,
    colours: true,
  }
  await vitest(project('forked', 20), source, 1)
  await zygote.end()
  if (restore && fork) add(restore, fork, ratio('fork / restore, first answer', fork, restore))
  add(
    series('memory of a forked guest, at its first answer', 'MiB', sizes.first.slice(0, fork?.values.length)),
    series('memory of a forked guest, after a small file', 'MiB', sizes.file),
  )
  const suites = (...options: string[]) => processorTime([path.join(ownFolder, 'run-vm.sh'), ...options])
  await suites()
  const [restored, forking, shared] = await inTurn(Math.min(runs, 5), {
    'processor time of all suites, each file restored': () => suites('--no-fork'),
    'processor time of all suites, forked': () => suites('--fork'),
    'processor time of all suites, --no-isolate': () => suites('--no-isolate'),
  })
  if (!restored || !forking || !shared) return
  add(
    ...[restored, forking, shared],
    ratio('forked / restored, processor time', forking, restored),
    ratio('forked / --no-isolate, processor time', forking, shared),
    ratio('restored / --no-isolate, processor time', restored, shared),
  )
}

async function startTimeOf(coming: Promise<Guest>): Promise<number> {
  const guest = await coming
  await guest.end()
  return guest.startTime
}

/** MiB that a guest's QEMU shares with no other process. */
function privateMemory({ qemu }: Guest): number {
  const rollup = readFileSync(`/proc/${qemu.pid}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1])
  return (kilobytes('Private_Dirty') + kilobytes('Private_Clean')) / 1024
}

/** Milliseconds of user and system time that a command and its children take, by bash's `times`. */
async function processorTime(command: readonly string[]): Promise<number> {
  const script = '"$@" >/dev/null || exit; times'
  const { stdout } = await execa('bash', ['-c', script, 'bash', ...command], {
    cwd: ownFolder,
    stdin: 'ignore',
    env: { LC_ALL: 'C' },
  })
  const [, children = ''] = stdout.trim().split('\n')
  const times = [...children.matchAll(/(\d+)m([\d.]+)s/g)]
  return times.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  )
}

/** Watch mode: from a saved suite to its result. */
async function watch(): Promise<void> {
  const root = project('watch', 1)
  writeFileSync(path.join(root, 'netlink-vmtest.config.ts'), "export default { suites: ['*.test.ts'] }")
  const { until, stop } = startWatching([], root)
  try {
    await until(idle)
    const values: number[] = []
    for (let round = 0; round < runs; round++) {
      const file = path.join(root, 'small-0.test.ts')
      writeFileSync(file, `${readFileSync(file, 'utf8')}// saved again\n`)
      values.push(await timed(() => until(idle)))
    }
    add(series('watch mode: a saved suite to its result', 'ms', values))
  } finally {
    await stop()
  }
}

/** run-vm.sh on the first five suites, with everything cached. */
async function wholeRun(): Promise<void> {
  const suites = ['request-ack', 'unicast', 'multicast', 'echo', 'errors'].map(name => `suites/${name}/`)
  const once = () =>
    timed(() => execa(path.join(ownFolder, 'run-vm.sh'), suites, { cwd: ownFolder, stdin: 'ignore' }))
  await once()
  add(...(await inTurn(runs, { './run-vm.sh, everything cached, five suites': once })))
}

/** A family of four operations beside three suites, each a run with everything cached. */
async function probe(): Promise<void> {
  const once = (...args: string[]) =>
    timed(() => execa(path.join(ownFolder, 'run-vm.sh'), args, { cwd: ownFolder, stdin: 'ignore' }))
  const suites = () => once('suites/request-ack/', 'suites/multicast/', 'suites/errors/')
  const probed = () => once('probe', '--modules', 'kernel/modules/probed', '--module', 'probed_locks')
  await suites()
  await probed()
  const [own, family] = await inTurn(Math.min(runs, 5), {
    'three suites': suites,
    'probe of a family of four operations': probed,
  })
  if (own && family) add(own, family, ratio('probe of four operations / three suites', family, own))
}

/**
 * A line of a module changes: `compare` beside a plain run of the same suites on the same two kernels, with all
 * but that module cached. Each module is a new one, whether it behaves as before, or answers by another errno.
 */
async function compare(): Promise<void> {
  const names = ['request-ack', 'unicast', 'multicast', 'echo', 'errors']
  const rest = ['--kernel', 'debian-6.1,debian-5.10', ...names.map(name => `suites/${name}/`)]
  const before = path.join(folder, 'before')
  cpSync(path.join(ownFolder, 'kernel/modules/nlexample'), before, { recursive: true })
  let modules = 0
  const changed = (hasOtherErrno: boolean) => {
    const after = path.join(folder, `after-${++modules}`)
    cpSync(before, after, { recursive: true })
    const file = path.join(after, 'nlexample.c')
    const line = `int nlexample_${process.pid}_${modules}(void);\nint nlexample_${process.pid}_${modules}(void) { return ${modules}; }\n`
    const text = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      `${hasOtherErrno ? text.replace('return -EINVAL;', 'return -ENODATA;') : text}${line}`,
    )
    return after
  }
  const ours = async (...args: string[]) => {
    const options = { cwd: ownFolder, stdin: 'ignore', reject: false } as const
    const { exitCode, stderr } = await execa(path.join(ownFolder, 'run-vm.sh'), args, options)
    if (exitCode !== 0 && exitCode !== 1) throw new Error(`run-vm.sh ${args.join(' ')}: ${stderr}`)
  }
  const baseline = path.join(folder, 'before.baseline')
  await ours('compare', '--save-baseline', baseline, before, ...rest)
  await ours('compare', before, changed(true), ...rest)
  const [plain, same, other, known, otherKnown] = await inTurn(Math.min(runs, 5), {
    'a plain run of five suites on two kernels, one module new': () =>
      timed(() => ours('--modules', changed(false), ...rest)),
    'compare, it behaves as before': () => timed(() => ours('compare', before, changed(false), ...rest)),
    'compare, one answer differs': () => timed(() => ours('compare', before, changed(true), ...rest)),
    'compare --baseline, it behaves as before': () =>
      timed(() => ours('compare', '--baseline', baseline, changed(false), ...rest)),
    'compare --baseline, one answer differs': () =>
      timed(() => ours('compare', '--baseline', baseline, changed(true), ...rest)),
  })
  if (!plain || !same || !other || !known || !otherKnown) return
  add(plain, same, other, known, otherKnown)
  add(
    ratio('compare / plain run, it behaves as before', same, plain),
    ratio('compare / plain run, one answer differs', other, plain),
    ratio('compare --baseline / plain run, it behaves as before', known, plain),
    ratio('compare --baseline / plain run, one answer differs', otherKnown, plain),
  )
}

/**
 * All suites on one, three and five kernels, with everything cached: the cost of another kernel. Two bare
 * QEMUs that boot at the same time beside them show how the machine's own speed drifts.
 */
async function matrix(): Promise<void> {
  const labels = ['debian-6.1', 'debian-5.10', 'debian-6.12', 'debian-7.2', 'debian-7.3']
  const on =
    (count: number, ...more: string[]) =>
    () =>
      timed(() =>
        execa(path.join(ownFolder, 'run-vm.sh'), ['--kernel', labels.slice(0, count).join(','), ...more], {
          cwd: ownFolder,
          stdin: 'ignore',
        }),
      )
  const boot = await bareQemu()
  const fourBoots = async () => {
    for (let count = 0; count < 4; count++) await Promise.all([boot(), boot()])
  }
  await on(labels.length)()
  const [bare, one, three, five, restored, shared] = await inTurn(Math.min(runs, 5), {
    'bare QEMU: kernel to busybox init, four times on each of two cores': () => timed(fourBoots),
    'all suites on one kernel': on(1),
    'all suites on three kernels': on(3),
    'all suites on five kernels': on(5),
    'all suites on five kernels, --no-fork': on(5, '--no-fork'),
    'all suites on five kernels, --no-isolate': on(5, '--no-isolate'),
  })
  if (!bare || !one || !three || !five || !restored || !shared) return
  const added = (more: Series, fewer: Series, count: number) =>
    more.values.map((value, index) => (value - (fewer.values[index] ?? Number.NaN)) / count)
  add(
    ...[bare, one, three, five, restored, shared],
    ratio('five kernels, forked / restored', five, restored),
    ratio('five kernels / bare QEMU', five, bare),
    ratio('five kernels, --no-isolate / bare QEMU', shared, bare),
    series('each of the second and third kernel', 'ms', added(three, one, 2)),
    series('each of the fourth and fifth kernel', 'ms', added(five, three, 2)),
  )
}

/**
 * A prebuilt kernel, its modules, image and template from an empty cache; the download depends on the
 * network.
 */
async function provisioning(): Promise<void> {
  const wholes: number[] = []
  const fetches: number[] = []
  for (let round = 0; round < Math.min(runs, 3); round++) {
    const cache = mkdtempSync(path.join(folder, 'cache-'))
    const cli = path.join(ownFolder, 'harness/cli.ts')
    const started = performance.now()
    const { stderr } = await execa(process.execPath, [cli, 'build', '--kernel', 'debian-6.12'], {
      env: { XDG_CACHE_HOME: cache, NO_COLOR: '1' },
      stdin: 'ignore',
    })
    wholes.push(performance.now() - started)
    const steps = [...stderr.matchAll(/(?:read Debian's package lists|fetch Linux) .*\((\d+\.\d) s\)$/gm)]
    fetches.push(steps.reduce((sum, [, time]) => sum + Number(time) * 1000, 0))
    rmSync(cache, { recursive: true, force: true })
  }
  add(
    series('debian-6.12 from an empty cache', 'ms', wholes),
    series('of which package lists and packages are fetched', 'ms', fetches),
    series(
      'provisioning without them',
      'ms',
      wholes.map((whole, index) => whole - (fetches[index] ?? Number.NaN)),
    ),
  )
}

/** A kernel built from source once, from an empty cache, and cold boots of it. */
async function fromSource(): Promise<void> {
  const label = 'minimal-6.12'
  const cache = mkdtempSync(path.join(folder, 'cache-'))
  const cli = path.join(ownFolder, 'harness/cli.ts')
  const { stderr } = await execa(process.execPath, [cli, 'build', '--kernel', label], {
    env: { XDG_CACHE_HOME: cache, NO_COLOR: '1' },
    stdin: 'ignore',
  })
  const step = (pattern: RegExp) => Number(pattern.exec(stderr)?.[1]) * 1000
  add(
    series(`${label}: unpack the source`, 'ms', [step(/unpack the source .*\((\d+\.\d) s\)$/m)]),
    series(`${label}: configure`, 'ms', [step(/configure Linux .*\((\d+\.\d) s\)$/m)]),
    series(`${label}: build`, 'ms', [step(/build Linux .*\((\d+\.\d) s\)$/m)]),
  )
  const cacheHome = process.env.XDG_CACHE_HOME
  process.env.XDG_CACHE_HOME = cache
  try {
    const { spec } = await prepareKernel(label, {
      settings: checkSettings({}),
      root: ownFolder,
      progress: silentProgress,
    })
    const agents: number[] = []
    const workers: number[] = []
    for (let round = 0; round < runs; round++) {
      const guest = await Guest.boot(spec)
      await guest.end()
      agents.push(guest.agentTime)
      workers.push(guest.startTime)
    }
    add(
      series(`${label}: cold boot to the agent`, 'ms', agents),
      series(`${label}: cold boot to the loaded test worker`, 'ms', workers),
    )
  } finally {
    if (cacheHome === undefined) delete process.env.XDG_CACHE_HOME
    else process.env.XDG_CACHE_HOME = cacheHome
    rmSync(cache, { recursive: true, force: true })
  }
}

/**
 * The client library beside libmnl in one guest, with a table of its own; the same as
 * `npm run bench:netlink`.
 */
async function netlink(): Promise<void> {
  const program = path.join(ownFolder, 'guest/netlink/bench/bench.ts')
  await execa(process.execPath, ['--expose-gc', program, '--kernel', prepared.kernel.label], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

async function vitest(root: string, source: GuestSource, workers: number): Promise<Vitest> {
  const run = await startVitest(
    [],
    {
      root,
      config: false,
      watch: false,
      include: ['*.test.ts'],
      reporters: [{}],
      pool: vmPool(source),
      maxWorkers: workers,
      fsModuleCache: false,
      server: { deps: { inline: true } },
    },
    {},
  )
  await run.close()
  const failed = run.state.getTestModules().filter(module => !module.ok())
  if (failed.length > 0)
    throw new Error(`${failed.length} files failed: ${JSON.stringify(failed[0]?.errors())}`)
  return run
}

function project(name: string, count: number): string {
  const root = path.join(folder, name)
  mkdirSync(root)
  for (let index = 0; index < count; index++)
    writeFileSync(
      path.join(root, `small-${index}.test.ts`),
      "import { expect, test } from 'vitest'\ntest('adds', () => expect(1 + 1).toBe(2))\ntest('compares', () => expect({ a: 1 }).toEqual({ a: 1 }))\n",
    )
  return root
}
