// SPDX-License-Identifier: MIT
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { TestConversation } from '../../guest/agent/protocol.ts'
import { visibleName } from '../../guest/agent/visible.ts'
import { messageOf } from '../base/errors.ts'
import { makeFolder } from '../base/folders.ts'
import { ownVersion } from '../base/version.ts'
import { Pcapng, type SectionFacts } from './pcapng.ts'

/** Most bytes of conversations that are kept in memory for a file's evidence. */
const MOST_EVIDENCE = 16 * 1024 * 1024

/** Where a capture is from. */
export interface CaptureOrigin {
  readonly label: string
  /** uname -r */
  readonly release: string
  /** The test file's name. */
  readonly file: string
}

/**
 * What a file's tests have said, as pcapng: in memory the conversations of failed tests, for the evidence; all
 * of them in a file, with --capture.
 */
export class Capture {
  readonly #facts: SectionFacts
  readonly #evidence = new Pcapng()
  readonly #kept: Buffer[] = []
  #bytes = 0
  #dropped = 0
  #file: CaptureFile | undefined

  /**
   * @param place the file of --capture
   * @param complain is told once if that cannot be written; never throws for it
   */
  constructor(
    { label, release, file }: CaptureOrigin,
    place: string | undefined,
    complain: (text: string) => void,
  ) {
    this.#facts = {
      system: `Linux ${release}`,
      application: `netlink-vmtest ${ownVersion()}`,
      comment: `${file} on ${label}`,
    }
    if (place !== undefined) this.#file = new CaptureFile(place, this.#facts, complain)
  }

  add({ tests, ...said }: TestConversation): void {
    const conversation = { ...said, tests: tests.map(visibleName) }
    this.#file?.add(conversation)
    if (!conversation.failed) return
    if (this.#bytes < MOST_EVIDENCE) {
      const encoded = this.#evidence.conversation(conversation)
      this.#kept.push(encoded)
      this.#bytes += encoded.length
    } else this.#dropped++
  }

  /** The conversations of failed tests as the content of a file; undefined if there are none. */
  get failed(): Buffer | undefined {
    if (this.#kept.length === 0) return undefined
    const dropped =
      this.#dropped === 0
        ? ''
        : `; ${this.#dropped} further failed tests are not in it: their conversations did not fit into ${MOST_EVIDENCE / 1024 ** 2} MiB`
    const { comment } = this.#facts
    const header = this.#evidence.header({ ...this.#facts, comment: comment + dropped })
    return Buffer.concat([header, ...this.#kept])
  }

  /** All has been said. */
  close(): void {
    this.#file?.close()
    this.#file = undefined
  }
}

/** A file of whole blocks, also where the disk is full. */
class CaptureFile {
  readonly #place: string
  readonly #complain: (text: string) => void
  readonly #section = new Pcapng()
  #fd: number | undefined
  #length = 0

  constructor(place: string, facts: SectionFacts, complain: (text: string) => void) {
    this.#place = place
    this.#complain = complain
    this.#attempt(() => {
      makeFolder(path.dirname(place))
      this.#fd = openSync(place, 'w')
      this.#write(this.#section.header(facts))
    })
  }

  add(conversation: TestConversation): void {
    this.#attempt(() => this.#write(this.#section.conversation(conversation)))
  }

  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) closeSync(fd)
  }

  #write(blocks: Buffer): void {
    const fd = this.#fd
    if (fd === undefined) return
    for (let at = 0; at < blocks.length; ) at += writeSync(fd, blocks, at)
    this.#length += blocks.length
  }

  /** After a failure what was written before is left, and nothing more is. */
  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#complain(`the capture ${this.#place} is not complete: ${messageOf(error)}`)
      try {
        if (this.#fd !== undefined) ftruncateSync(this.#fd, this.#length)
      } catch {
        // no regular file
      }
      this.close()
    }
  }
}
