// SPDX-License-Identifier: MIT
import path from 'node:path'
import * as v from 'valibot'
import { UsageError } from '../../harness/base/errors.ts'
import { kernelDescription } from '../entry.ts'

/** The first file of every pack. */
export const manifestName = 'manifest.json'

/** The version of the pack's format. */
export const packFormat = 1

/** `uname -m` of supported kernels. */
export const architecture = 'x86_64'

/** Bytes: a file in a pack may be as large as a vmlinux with debug information, and not larger than this. */
export const largestFile = 1 << 30

/** A path inside the pack: relative, normalized, and without "..". */
const place = v.pipe(
  v.string(),
  v.check(isInside, issue => `${JSON.stringify(issue.input)} is not a path inside the pack`),
)

const fileSchema = v.strictObject({
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')),
  size: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(largestFile)),
  executable: v.optional(v.boolean()),
})
export type PackedFile = v.InferOutput<typeof fileSchema>

const manifestSchema = v.strictObject({
  format: v.literal(packFormat),
  architecture: v.literal(architecture),
  /** The label that it was made from. */
  label: v.string(),
  kernel: v.strictObject({
    ...kernelDescription.entries,
    // It becomes part of paths in images and of messages.
    release: v.pipe(v.string(), v.regex(/^[\w.+~-]+$/, 'must be a release')),
    image: place,
    moduleTree: v.optional(place),
    systemMap: v.optional(place),
    vmlinux: v.optional(place),
    config: place,
    source: place,
    output: place,
    // They become arguments of make, so that options must be refused.
    variables: v.array(
      v.pipe(v.string(), v.regex(/^[A-Z_][A-Z0-9_]*=[^\n]*$/, 'must be a variable of make')),
    ),
  }),
  /** Every file, by its path. */
  files: v.record(place, fileSchema),
  /** Every symbolic link: its target, relative to its folder. */
  links: v.record(place, v.string()),
})
export type Manifest = v.InferOutput<typeof manifestSchema>

const headSchema = v.object({ format: v.number(), architecture: v.string() })

/**
 * Parses a manifest, and checks all that can be checked before unpacking.
 * @throws UsageError that says what is wrong with the pack
 */
export function readManifest(text: string, pack: string): Manifest {
  const refuse = (why: string) => new UsageError(`${pack} is refused: ${why}`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw refuse('its manifest is no JSON')
  }
  const head = v.safeParse(headSchema, json)
  if (!head.success) throw refuse('its manifest names neither format nor architecture')
  if (head.output.format > packFormat)
    throw refuse(
      `it is of format ${head.output.format}, and this version reads ${packFormat}: update netlink-vmtest`,
    )
  if (head.output.architecture !== architecture)
    throw refuse(`its kernel is for ${head.output.architecture}, and guests are ${architecture}`)
  const result = v.safeParse(manifestSchema, json)
  if (!result.success) {
    const [issue] = result.issues
    throw refuse(`manifest: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`)
  }
  const manifest = result.output
  const { files, links, kernel } = manifest
  for (const file of [kernel.image, kernel.config, path.posix.join(kernel.output, 'Module.symvers')])
    if (!Object.hasOwn(files, file)) throw refuse(`its manifest lists no ${file}`)
  for (const [link, target] of Object.entries(links))
    if (path.posix.isAbsolute(target) || !isInside(path.posix.join(path.posix.dirname(link), target)))
      throw refuse(`the link ${link} points outside of it, to ${target}`)
  // No path may lead through a link.
  for (const name of [...Object.keys(files), ...Object.keys(links)])
    for (let above = path.posix.dirname(name); above !== '.'; above = path.posix.dirname(above))
      if (Object.hasOwn(links, above) || Object.hasOwn(files, above))
        throw refuse(`${name} lies below ${above}, which is no folder`)
  return manifest
}

function isInside(name: string): boolean {
  return (
    name !== '' &&
    name !== '.' &&
    !name.includes('\0') &&
    !name.includes('\\') &&
    !path.posix.isAbsolute(name) &&
    path.posix.normalize(name) === name &&
    !/^\.\.(\/|$)/.test(name) &&
    !name.endsWith('/')
  )
}
