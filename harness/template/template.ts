// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as v from 'valibot'
import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { cached, contentKey, discard } from '../base/cache.ts'
import { withCore } from '../base/cores.ts'
import { isErrno, MachineryError } from '../base/errors.ts'
import { ownModule } from '../base/own-folder.ts'
import type { Progress } from '../base/progress.ts'
import { Guest, type GuestSpec, type SavedGuest } from '../guest/guest.ts'
import type { HostItem } from '../guest/host-files.ts'
import { qemuIdentity } from '../qemu/identity.ts'
import { bootSplats } from '../verdict/boot.ts'
import { Decoder, type SymbolFiles } from '../verdict/decode.ts'
import { bootWithClock } from './clock.ts'
import { warm } from './warm.ts'

const SAVE_LIMIT = 60_000

const fileSchema = v.object({ size: v.number(), modified: v.number(), sha256: v.string() })
const manifestSchema = v.object({
  release: v.string(),
  ram: fileSchema,
  state: fileSchema,
  bootSplats: v.array(v.string()),
})

/** What guests get beside their image. */
export interface Delivered {
  /** This project's own package, which is in the template; its folder is named after its content. */
  readonly package: { readonly folder: string; readonly files: readonly DeliveredFile[] }
  /** The modules under test, which are not in the template: each guest gets those of its run. */
  readonly modules: readonly DeliveredFile[]
  /** The user's programs and files, which are not in the template either. */
  readonly copies?: readonly HostItem[]
  /** The symbols of the kernel and these modules. */
  readonly symbols: SymbolFiles
}

/** A template at the moment it was read. */
export interface Template extends SavedGuest {
  /** Identifies its RAM file: another run may replace the template. */
  readonly stamp: string
  /** The kernel's reports (WARN, KASAN ...) before it was saved. */
  readonly bootSplats: readonly string[]
}

/**
 * The template of a kernel: a guest that was booted, its worker warmed up by a test file, and saved. Cached
 * by the key of all its inputs; built anew if it is damaged or does not restore.
 */
export async function template(spec: GuestSpec, delivery: Delivered, progress: Progress): Promise<Template> {
  const key = await templateKey(spec, delivery)
  const build = () =>
    cached('templates', key, folder => withCore(() => buildTemplate(spec, delivery, folder, progress)))
  const found = await build()
  const damage = await damageOf(found)
  if (damage === undefined) return savedGuest(found)
  progress.note(`the template of ${spec.label} is damaged (${damage}): building it anew`)
  await discard('templates', key)
  return savedGuest(await build())
}

/** Removes a template that did not restore, unless another run has replaced it meanwhile. */
export async function discardTemplate(
  spec: GuestSpec,
  delivery: Delivered,
  template: Template,
): Promise<void> {
  if (isCurrent(template)) await discard('templates', await templateKey(spec, delivery))
}

/** Whether a template's files are still the same: another run may have replaced it. */
function isCurrent({ ram, stamp }: Template): boolean {
  return stampOf(ram) === stamp
}

function stampOf(file: string): string {
  const status = statSync(file, { bigint: true, throwIfNoEntry: false })
  return `${status?.ino} ${status?.mtimeNs}`
}

/**
 * A key of all inputs of a template. The package is one, because workers have it loaded; modules and test
 * files are not.
 */
export async function templateKey(
  { machine, identity, worker = {} }: GuestSpec,
  delivery: Delivered,
): Promise<string> {
  const { accelerator, memory, cpus, parameters = [], vmcoreinfo = false } = machine
  const shape = JSON.stringify([
    accelerator,
    memory,
    cpus,
    parameters,
    worker,
    ...(vmcoreinfo ? ['vmcoreinfo'] : []),
  ])
  return contentKey([...recipe(), identity, qemuIdentity(), shape, delivery.package.folder])
}

/** Source files that decide what is saved: they are part of the key. */
function recipe(): string[] {
  const here = readdirSync(import.meta.dirname).filter(name => /^[\w-]+\.[jt]s$/.test(name))
  const files = [
    ...here.sort().map(name => path.join(import.meta.dirname, name)),
    ownModule('harness/qemu/command'),
  ]
  return files.flatMap(file => [path.relative(import.meta.dirname, file), readFileSync(file, 'utf8')])
}

async function buildTemplate(
  spec: GuestSpec,
  { package: own, symbols }: Delivered,
  folder: string,
  progress: Progress,
): Promise<void> {
  const ram = path.join(folder, 'ram')
  const state = path.join(folder, 'state')
  await progress.step(`make the template of ${spec.label}`, async update => {
    update('boot')
    const guest = await bootWithClock(spec, ram, progress)
    try {
      update('warm up')
      await guest.deliver(own.files)
      const [failure] = await warm(guest, own.folder, spec.worker)
      if (failure !== undefined)
        progress.note(`the template of ${spec.label} is not warm, so that files take longer: ${failure}`)
      const splats = await bootSplats(guest, new Decoder(symbols))
      update('save')
      await guest.qemu.save(state, SAVE_LIMIT)
      const release = guest.release
      await guest.end()
      const manifest = {
        label: spec.label,
        release,
        ram: await describeFile(ram),
        state: await describeFile(state),
        bootSplats: splats,
      }
      await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest))
      update('verify')
      const restored = await Guest.restore(spec, { ...manifest, ram, state })
      await restored.end()
    } finally {
      await guest.end()
    }
  })
}

function savedGuest(folder: string): Template {
  const ram = path.join(folder, 'ram')
  const stamp = stampOf(ram)
  const { release, bootSplats } = v.parse(
    manifestSchema,
    JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')),
  )
  const saved = { ram, state: path.join(folder, 'state'), release, stamp, bootSplats }
  // The RAM file was the same before and after, so the manifest belongs to it.
  return isCurrent(saved) ? saved : savedGuest(folder)
}

/**
 * What is wrong with a template's files, or undefined. The whole RAM file is only read when size or date
 * differ.
 */
async function damageOf(folder: string): Promise<string | undefined> {
  try {
    const manifest = v.parse(
      manifestSchema,
      JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')),
    )
    for (const name of ['ram', 'state'] as const) {
      const file = path.join(folder, name)
      const { size, mtimeMs } = statSync(file)
      if (size !== manifest[name].size) return `${name} has ${size} bytes instead of ${manifest[name].size}`
      if (mtimeMs !== manifest[name].modified && (await sha256(file)) !== manifest[name].sha256)
        return `${name} was changed`
    }
    return undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'a file of it is missing'
    if (error instanceof SyntaxError || v.isValiError(error)) return 'its manifest is unreadable'
    throw new MachineryError(`cannot look at the template ${folder}: ${String(error)}`, { cause: error })
  }
}

async function describeFile(file: string): Promise<v.InferOutput<typeof fileSchema>> {
  const { size, mtimeMs } = statSync(file)
  return { size, modified: mtimeMs, sha256: await sha256(file) }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 4 * 1024 * 1024 }), hash)
  return hash.digest('hex')
}
