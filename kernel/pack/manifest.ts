import path from 'node:path'
import * as v from 'valibot'
import { UsageError } from '../../harness/base/errors.ts'
import { kernelDescription } from '../entry.ts'

/** The first file of every pack. */
export const manifestName = 'manifest.json'

/** Of the layout that this code reads and writes. */
export const packFormat = 1

/** What `uname -m` says in the kernels that run here. */
export const architecture = 'x86_64'

/** Bytes of the largest file in a pack: a vmlinux with debug information may have hundreds of megabytes. */
export const largestFile = 1 << 30

/** A place inside the pack: relative, in its shortest form, and never going up. */
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
  /** The label that it was made of. */
  label: v.string(),
  kernel: v.strictObject({
    ...kernelDescription.entries,
    // In the paths of images and in messages.
    release: v.pipe(v.string(), v.regex(/^[\w.+~-]+$/, 'must be a release')),
    image: place,
    moduleTree: v.optional(place),
    systemMap: v.optional(place),
    vmlinux: v.optional(place),
    config: place,
    source: place,
    output: place,
    // Arguments of make, of which some would have it do other things.
    variables: v.array(
      v.pipe(v.string(), v.regex(/^[A-Z_][A-Z0-9_]*=[^\n]*$/, 'must be a variable of make')),
    ),
  }),
  /** Every file, by its place. */
  files: v.record(place, fileSchema),
  /** Every symbolic link: where it points, relative to the folder that it is in. */
  links: v.record(place, v.string()),
})
export type Manifest = v.InferOutput<typeof manifestSchema>

const headSchema = v.object({ format: v.number(), architecture: v.string() })

/**
 * Reads a manifest, and checks what can be checked before anything is unpacked.
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
  // Nothing is written through a link.
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
