// SPDX-License-Identifier: MIT

/** Who says something in a conversation that its record does not have yet: a thread that works. */
export interface Speaker {
  /** The number of the conversation that it belongs to. */
  readonly conversation: number | undefined
  /** Adds what it has said to the record. Ends soon, whether it answers or not. */
  tell(): Promise<void>
}

const speakers = new Set<Speaker>()

/** @returns ends that */
export function addSpeaker(speaker: Speaker): () => void {
  speakers.add(speaker)
  return () => void speakers.delete(speaker)
}

/** Lets those of a conversation tell what they have said. @returns undefined if there are none */
export function allTell(conversation: number): Promise<unknown> | undefined {
  const own = [...speakers].filter(speaker => speaker.conversation === conversation)
  return own.length === 0 ? undefined : Promise.all(own.map(speaker => speaker.tell()))
}
