// SPDX-License-Identifier: MIT
import { cpus, loadavg } from 'node:os'
import { median } from '../report/summary.ts'

/** A series of measurements, in the unit that its name says. */
export interface Series {
  readonly name: string
  readonly unit: 'ms' | 'MiB' | 'ratio' | 'count'
  readonly values: readonly number[]
  readonly median: number
  readonly minimum: number
  readonly maximum: number
}

export function series(name: string, unit: Series['unit'], values: readonly number[]): Series {
  return {
    name,
    unit,
    values,
    median: median(values) ?? Number.NaN,
    minimum: Math.min(...values),
    maximum: Math.max(...values),
  }
}

/**
 * Times things in turn, A B C A B C ..., so that a drift of the machine's speed affects all of them alike.
 * @returns a series in milliseconds for each, in the same order
 */
export async function inTurn(
  rounds: number,
  things: Readonly<Record<string, () => Promise<number>>>,
): Promise<Series[]> {
  const values = new Map(Object.keys(things).map(name => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++)
    for (const [name, measure] of Object.entries(things)) values.get(name)?.push(await measure())
  return [...values].map(([name, list]) => series(name, 'ms', list))
}

/** How long `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** The ratio of two series measured in turn, pair by pair. */
export function ratio(name: string, numerator: Series, denominator: Series): Series {
  const values = numerator.values.map((value, index) => value / (denominator.values[index] ?? Number.NaN))
  return series(name, 'ratio', values)
}

/** The machine, for a report's heading. */
export function machine(): { processor: string; cores: number; load: readonly number[]; node: string } {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    load: loadavg(),
    node: process.version,
  }
}

/** A line for each series: median and range. */
export function table(all: readonly Series[]): string {
  const digits = (unit: Series['unit']) => (unit === 'ratio' ? 2 : 0)
  const width = Math.max(...all.map(({ name }) => name.length))
  return all
    .map(({ name, unit, values, median, minimum, maximum }) => {
      const show = (value: number) => value.toFixed(digits(unit))
      const range = values.length > 1 ? `  (${show(minimum)} to ${show(maximum)}, ${values.length} runs)` : ''
      return `${name.padEnd(width)}  ${show(median).padStart(7)} ${unit === 'ratio' ? 'x' : unit}${range}`
    })
    .join('\n')
}
