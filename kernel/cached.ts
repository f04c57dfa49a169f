// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { cacheRoot } from '../harness/base/cache-root.ts'
import { knownLabels } from './provide.ts'
import { releaseOf, sourceName } from './source/from-source.ts'
import { sourceLabel } from './source/labels.ts'

/** A label, and what this machine has of it. */
export interface KnownKernel {
  readonly label: string
  /** `uname -r` of the label's kernel on this machine; undefined if none has been fetched yet. */
  readonly release: string | undefined
  /** Packages, versions and suites, as text. */
  readonly origin: string | undefined
  /** Its folders in the cache: more than one after an update. */
  readonly folders: readonly string[]
}

const resolutionSchema = v.object({ release: v.string() })
const buildSchema = v.object({ source: v.string(), output: v.string() })
const kernelSchema = v.object({ release: v.string(), origin: v.string(), label: v.optional(v.string()) })

/** A kernel on this machine for which modules can be built. Paths are absolute. */
export interface CachedBuild {
  readonly label: string
  /** Its sources, as far as building modules needs them. */
  readonly source: string
  /** Where its Module.symvers is. */
  readonly output: string
}

/** The kernels in the cache, for which modules can be built. */
export function cachedBuilds(): CachedBuild[] {
  return knownKernels().flatMap(({ label, folders }) =>
    folders.flatMap(folder => {
      const build = read(buildSchema, path.join(folder, 'kernel.json'))
      if (!build) return []
      return [
        { label, source: path.resolve(folder, build.source), output: path.resolve(folder, build.output) },
      ]
    }),
  )
}

/** Every known or used label, with what is cached of it; reads the cache only. */
export function knownKernels(): KnownKernel[] {
  const releases = new Map(
    list('apt/resolved')
      .filter(name => name.endsWith('.json'))
      .flatMap(name => {
        const resolution = read(resolutionSchema, path.join('apt/resolved', name))
        return resolution ? [[path.basename(name, '.json'), resolution.release] as const] : []
      }),
  )
  const cached = list('kernels').flatMap(name => {
    const kernel = read(kernelSchema, path.join('kernels', name, 'kernel.json'))
    return kernel ? [{ ...kernel, folder: path.join(cacheRoot(), 'kernels', name) }] : []
  })
  // A remembered source package is that of all kernels of its series.
  const labels = [...releases.keys()].filter(name => !name.startsWith(sourceName({ series: '' })))
  const known = [...new Set([...knownLabels(), ...labels])].map(label => {
    const release = releaseFor(label, releases)
    const found = cached.filter(kernel => kernel.label === undefined && kernel.release === release)
    return { label, release, origin: found[0]?.origin, folders: found.map(kernel => kernel.folder) }
  })
  // Trees and packs that were used.
  const others = cached.flatMap(({ label, release, origin, folder }) =>
    label === undefined ? [] : [{ label, release, origin, folders: [folder] }],
  )
  return [...known, ...others]
}

/** @param releases remembered releases, by name */
function releaseFor(label: string, releases: ReadonlyMap<string, string>): string | undefined {
  const source = sourceLabel(label)
  if (source === undefined) return releases.get(label)
  const upstream = releases.get(sourceName(source))
  return upstream === undefined ? undefined : releaseOf(upstream, source)
}

function list(folder: string): string[] {
  try {
    return readdirSync(path.join(cacheRoot(), folder)).sort()
  } catch {
    return [] // no entry of that kind yet
  }
}

function read<T>(schema: v.GenericSchema<unknown, T>, file: string): T | undefined {
  try {
    return v.parse(schema, JSON.parse(readFileSync(path.resolve(cacheRoot(), file), 'utf8')))
  } catch {
    return undefined // damaged or of another version: it is made anew at its next use
  }
}
