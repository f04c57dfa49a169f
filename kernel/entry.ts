// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { cached, discard } from '../harness/base/cache.ts'
import { cacheRoot } from '../harness/base/cache-root.ts'
import { MachineryError } from '../harness/base/errors.ts'
import type { Progress } from '../harness/base/progress.ts'
import type { Kernel } from './kernel.ts'

/** A description of a kernel; paths are relative to the folder that it is in. */
export const kernelDescription = v.object({
  release: v.string(),
  origin: v.string(),
  image: v.string(),
  moduleTree: v.optional(v.string()),
  systemMap: v.optional(v.string()),
  config: v.string(),
  source: v.string(),
  output: v.string(),
  variables: v.array(v.string()),
  vmlinux: v.optional(v.string()),
  /** Of a pack's kernel: what it was packed from. */
  packed: v.optional(v.object({ label: v.string(), origin: v.string() })),
})
export type KernelDescription = v.InferOutput<typeof kernelDescription>

const entrySchema = v.object({
  ...kernelDescription.entries,
  imageSha256: v.string(),
  /** The label of a kernel that only this entry knows. */
  label: v.optional(v.string()),
})

const descriptionFile = 'kernel.json'

/**
 * Writes the description into a cache entry of the kind `kernels`.
 * @param label for the list of kernels, if it cannot be known otherwise: a tree's or a pack's
 */
export async function writeDescription(
  folder: string,
  description: KernelDescription,
  label?: string,
): Promise<void> {
  const imageSha256 = await sha256(path.resolve(folder, description.image))
  const entry: v.InferOutput<typeof entrySchema> = {
    ...description,
    imageSha256,
    ...(label !== undefined && { label }),
  }
  await writeFile(path.join(folder, descriptionFile), JSON.stringify(entry, undefined, 2))
}

/**
 * The kernel of a cache entry with its image verified; a missing or damaged entry is made by `build`.
 * @param build fills the entry's folder and ends with {@link writeDescription}
 */
export async function cachedKernel(
  label: string,
  key: string,
  progress: Progress,
  build: (folder: string) => Promise<void>,
): Promise<Kernel> {
  for (const last of [false, true]) {
    const entry = await cached('kernels', key, build)
    const description = await readDescription(entry)
    if (description) return kernelIn(entry, label, key, description)
    if (last) break
    progress.note(`the cached kernel of ${label} is damaged: making it anew`)
    await discard('kernels', key)
  }
  throw new MachineryError(
    `the kernel of ${label} does not verify just after it was unpacked below ${cacheRoot()}: the disk may be failing`,
  )
}

/** @returns undefined if the entry is damaged */
async function readDescription(entry: string): Promise<KernelDescription | undefined> {
  try {
    const text = await readFile(path.join(entry, descriptionFile), 'utf8')
    const description = v.parse(entrySchema, JSON.parse(text))
    const intact = (await sha256(path.resolve(entry, description.image))) === description.imageSha256
    return intact && existsSync(path.resolve(entry, description.output, 'Module.symvers'))
      ? description
      : undefined
  } catch {
    return undefined
  }
}

function kernelIn(entry: string, label: string, id: string, description: KernelDescription): Kernel {
  // An absolute path is that of a user's tree.
  const at = (place: string) => path.resolve(entry, place)
  const { release, origin, moduleTree, systemMap, variables, vmlinux, packed } = description
  return {
    label,
    release,
    id,
    origin,
    ...(packed && { packed }),
    image: at(description.image),
    moduleTree: moduleTree === undefined ? undefined : at(moduleTree),
    systemMap: systemMap === undefined ? undefined : at(systemMap),
    vmlinux: vmlinux === undefined ? undefined : at(vmlinux),
    config: at(description.config),
    build: { source: at(description.source), output: at(description.output), variables },
  }
}

/** The SHA-256 of a file, in hex. */
export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
