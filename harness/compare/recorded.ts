// SPDX-License-Identifier: MIT
/** What is kept of a run, in a form that is the same whenever modules do the same. Plain data, for JSON. */

import type { Times } from './times.ts'

/** At the end of operations and groups of a socket that is not in the test's own namespace. */
export const elsewhere = ' in another network namespace'

/** A message, without what differs from run to run. */
export interface NormalMessage {
  /** 'ENOENT', 'acknowledgement', 'end of dump', 'nlex command 1', 'type 16', 'recvmsg: ENOBUFS'. */
  readonly what: string
  /** Names and values: flags, sequence number, port id, extended ack, attributes by their paths. */
  readonly parts: readonly (readonly [name: string, value: string])[]
}

/** Messages that one socket was told without having asked. */
export interface Told {
  /** 'socket 2 in group nlex/example', 'the requester in group 1' */
  readonly whom: string
  readonly messages: readonly NormalMessage[]
  /** Of what names no request, for each message the index of the exchange that it may follow from; -1: none is known. */
  readonly after?: readonly number[] | undefined
}

/** A datagram that was sent, and what came of it. */
export interface Exchange {
  /** Its content, to find the same one in another run; '' for what came without a request. */
  readonly key: string
  /** 'nlex command 1', 'protocol 17: type 16, DUMP' */
  readonly operation: string
  /** Lines for people. */
  readonly request: string
  /** In the order of arrival. */
  readonly answers: readonly NormalMessage[]
  /** How many datagrams the answers came in. */
  readonly datagrams: number
  readonly told: readonly Told[]
}

/** What sockets have said in a test. */
export interface NormalConversation {
  /** In the order of sending, socket by socket. */
  readonly exchanges: readonly (Exchange & { readonly socket: string })[]
  /** Events that were not kept. */
  readonly missed: number
  /** The socket for which nothing came within a call's limit, if that is the last thing that happened. */
  readonly awaited?: string
  /** The sockets that were used, in turn: each as often as another one came between. Not kept where these are many. */
  readonly turns?: readonly string[]
}

/** A failure of a test or file. */
export interface RecordedFailure {
  readonly kind: 'test' | 'splat' | 'taint' | 'loss' | 'leak' | 'memory'
  /** One line that is the same in each run. */
  readonly text: string
  /** All of it. */
  readonly message: string
}

export interface RecordedTest {
  /** Its full name; '' for what happens in a file outside of its tests. */
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped' | 'not run'
  readonly failures: readonly RecordedFailure[]
  readonly said: readonly NormalConversation[]
  /** Lines that the kernel has logged in its time; undefined if they are reports, or not known. */
  readonly log?: readonly string[] | undefined
  /** Their levels, 0 (emergency) to 7 (debug); undefined if they are not known. */
  readonly logLevels?: readonly number[] | undefined
}

/** What a test file did in one run on one kernel. */
export interface RecordedFile {
  /** Relative to the project's folder. */
  readonly file: string
  readonly tests: readonly RecordedTest[]
  /** Modules under test that it can have loaded; undefined if its guest was lost before it told. */
  readonly modules: readonly string[] | undefined
  readonly times?: Times | undefined
}
