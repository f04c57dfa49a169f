// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { remainsOf } from './remains.ts'

const texts = (...all: string[]) => all.map(each => Buffer.from(each.padEnd(16, '\0')))

test('the end of a longer text behind a shorter one', () => {
  const [short, long] = texts('cpu\0ery-charger', 'battery-charger')
  expect(remainsOf([short, long] as Buffer[])).toEqual({ text: short, other: long })
})

test('zeros behind texts, equal texts, few bytes, other lengths and what is no text', () => {
  expect(remainsOf(texts('cpu', 'battery-charger'))).toBeUndefined()
  expect(remainsOf(texts('t000', 't000', 't001'))).toBeUndefined()
  expect(remainsOf(texts('abc\0fg', 'abcdefg'))).toBeUndefined()
  expect(remainsOf(texts('cpu\0xyz-charger', 'battery-charger'))).toBeUndefined()
  expect(remainsOf([...texts('cpu\0ery-charger'), Buffer.from('battery-charger')])).toBeUndefined()
  expect(remainsOf(texts('\0\0\0\0ery-charger', 'battery-charger'))).toBeUndefined()
  expect(remainsOf([])).toBeUndefined()
})
