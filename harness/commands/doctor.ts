// SPDX-License-Identifier: MIT
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { findBusybox } from '../../images/image.ts'
import { hostPrograms } from '../../images/programs.ts'
import { knownKernels } from '../../kernel/cached.ts'
import { machineSources } from '../../kernel/debian/sources.ts'
import { hostLabel, provideKernel } from '../../kernel/provide.ts'
import { missingBuildTools } from '../../kernel/source/tools.ts'
import { cacheRoot } from '../base/cache-root.ts'
import { messageOf } from '../base/errors.ts'
import { commandName } from '../base/own-folder.ts'
import { lastLines, runTool } from '../base/process.ts'
import { silentProgress } from '../base/progress.ts'
import { bytes } from '../base/stock.ts'
import { understood } from '../base/system-errors.ts'
import { projectRoot } from '../prepare/load-settings.ts'
import { availableMemory, guestsAtOnce } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'
import { chooseAccelerator } from '../qemu/accelerator.ts'
import { qemuBinary } from '../qemu/identity.ts'
import { missingPackages } from './setup.ts'

/** The state of one thing that runs depend on. */
export interface Finding {
  readonly name: string
  /** `problem`: runs fail until it is fixed; `note`: runs work, but could be better. */
  readonly verdict: 'fine' | 'note' | 'problem'
  readonly detail: string
}

/** Bytes for a kernel, its image and template, and for building them. */
const DISK_WANTED = 2e9

/** Examines everything that a run needs on this host. Nothing is installed or fetched. */
export async function examine(settings: Settings): Promise<Finding[]> {
  const findings = await Promise.all([
    ...[qemuBinary, 'gcc', 'strip', 'make', 'xz', 'setpriv'].map(tool),
    checked('system packages', systemPackages),
    checked('kernel builds', kernelBuilds),
    checked('busybox', async () => ({
      verdict: 'fine',
      detail: `${await findBusybox()}, statically linked`,
    })),
    checked('guest programs', async () => ({
      verdict: 'fine',
      detail: (await hostPrograms(settings.image.programs, projectRoot(process.cwd())))
        .filter(({ path: place }) => `/${place}`.startsWith(guestPaths.programs))
        .map(({ path: place }) => path.basename(place))
        .join(', '),
    })),
    checked('accelerator', () => accelerator(settings)),
    checked('memory', async () => memory(settings)),
    checked('disk', disk),
    checked('mirror', () => mirror(settings)),
  ])
  return findings
}

/** The findings as a table, one line each. */
export function findingsTable(findings: readonly Finding[]): string {
  const marks = { fine: '✔', note: '•', problem: '✖' }
  const width = Math.max(...findings.map(({ name }) => name.length))
  return findings
    .map(({ name, verdict, detail }) => `${marks[verdict]} ${name.padEnd(width)}  ${detail}`)
    .join('\n')
}

type Result = Omit<Finding, 'name'>

async function checked(name: string, look: () => Promise<Result>): Promise<Finding> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    return { name, verdict: 'problem', detail: understood(error)?.message ?? messageOf(error) }
  }
}

function tool(name: string): Promise<Finding> {
  return checked(name, async () => {
    const { exitCode, all } = await runTool(name, ['--version'], { timeout: 10_000 })
    if (exitCode !== 0) return { verdict: 'problem', detail: `does not run: ${lastLines(all, 1)}` }
    return { verdict: 'fine', detail: all.split('\n')[0] ?? '' }
  })
}

/** What set-up would install for kernels that are not built here. */
async function systemPackages(): Promise<Result> {
  const missing = await missingPackages([])
  return missing.length === 0
    ? { verdict: 'fine', detail: 'all that runs need' }
    : {
        verdict: 'problem',
        detail: `missing: ${missing.join(', ')}: ${commandName} setup, or apt-get install ${missing.join(' ')}`,
      }
}

/** Only kernels built from source need these tools; set-up installs them with the first one. */
async function kernelBuilds(): Promise<Result> {
  const missing = await missingBuildTools()
  return missing.length === 0
    ? { verdict: 'fine', detail: 'all that minimal-* and debug-* kernels are built with' }
    : {
        verdict: 'note',
        detail: `minimal-* and debug-* kernels need ${missing.map(it => it.name).join(', ')}: apt-get install ${missing.map(it => it.debian).join(' ')}`,
      }
}

/** Tries a kernel that is already cached: doctor fetches nothing. */
async function accelerator(settings: Settings): Promise<Result> {
  const label = settings.kernels?.[0] ?? hostLabel()
  const here = knownKernels().some(kernel => kernel.label === label && kernel.folders.length > 0)
  if (!here)
    return {
      verdict: 'note',
      detail: `not tried, for want of a kernel: run ${commandName} build --kernel ${label} first`,
    }
  const kernel = await provideKernel(label, { progress: silentProgress, mirror: settings.mirror })
  const { accelerator, reason } = await chooseAccelerator({
    kernel: kernel.image,
    busybox: await findBusybox(),
  })
  return { verdict: accelerator === 'kvm' ? 'fine' : 'note', detail: `${accelerator}: ${reason}` }
}

function memory({ vm }: Settings): Result {
  const free = availableMemory()
  const detail = `${bytes(free)} free, guests of ${vm.memory} MiB: ${guestsAtOnce(vm.memory)} at once`
  return { verdict: free < vm.memory * 1024 ** 2 ? 'problem' : 'fine', detail }
}

async function disk(): Promise<Result> {
  let folder = cacheRoot()
  while (!existsSync(folder)) folder = path.dirname(folder)
  // The "/." makes this fail for a file, below which nothing can be made.
  accessSync(`${folder}/.`, constants.W_OK)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  return free < DISK_WANTED
    ? {
        verdict: 'problem',
        detail: `${bytes(free)} free for ${cacheRoot()}: a kernel with its template wants ${bytes(DISK_WANTED)}`,
      }
    : { verdict: 'fine', detail: `${bytes(free)} free for ${cacheRoot()}` }
}

/** Through apt itself, so that its proxy and certificates apply. */
async function mirror(settings: Settings): Promise<Result> {
  const { main } = await machineSources(settings.mirror)
  if (!main)
    return {
      verdict: 'problem',
      detail: "this machine's apt configuration names no Debian archive: set `mirror`",
    }
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-doctor-'))
  try {
    const address = `${main.uri.replace(/\/?$/, '/')}dists/stable/InRelease`
    const args = [
      '-o',
      'Acquire::Retries=0',
      '-o',
      'Acquire::http::Timeout=10',
      'download-file',
      address,
      path.join(folder, 'InRelease'),
    ]
    const { exitCode, all } = await runTool('/usr/lib/apt/apt-helper', args, { timeout: 30_000 })
    return exitCode === 0
      ? { verdict: 'fine', detail: `${main.uri} answers` }
      : {
          verdict: 'problem',
          detail: `${main.uri} does not answer (${lastLines(all, 1)}): cached kernels work without it`,
        }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
