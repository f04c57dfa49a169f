// SPDX-License-Identifier: MIT
import { html, nothing, type TemplateResult } from 'lit-html'
import type { PageData, PageFile } from '../page-data.ts'
import { counted, duration, visible } from './text.ts'
import { hashOf } from './view.ts'

/** Rows that are shown at once; those with failures come first. */
const MOST_ROWS = 15

interface Row {
  readonly name: string
  readonly files: ReadonlyMap<string, PageFile>
}

/** The table of suites and kernels, each cell a link to its results. @param showAll undefined: all are shown */
export function matrix(data: PageData, showAll: (() => void) | undefined): TemplateResult {
  const kernels = data.kernels.map(({ label }) => label)
  const all = rowsOf(data)
  const rows = showAll ? all.slice(0, MOST_ROWS) : all
  const more = all.length - rows.length
  return html`
    <section>
      <h2 id="matrix-title">Suites</h2>
      <div class="scroll" role="region" aria-labelledby="matrix-title" tabindex="0">
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">Suite</th>
              ${kernels.map(
                label => html`
                <th scope="col"><a href=${hashOf({ kernel: label, status: 'all' })}>${visible(label)}</a></th>`,
              )}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              ({ name, files }) => html`
              <tr>
                <th scope="row"><a href=${hashOf({ file: name })}>${visible(name)}</a></th>
                ${kernels.map(label => cell(files.get(label), label))}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${more > 0 ? html`<button type="button" @click=${showAll}>Show ${more} more suites</button>` : nothing}
    </section>`
}

function rowsOf({ files }: PageData): Row[] {
  const names = [...new Set(files.map(({ name }) => name))].sort()
  const rows = names.map(name => ({
    name,
    files: new Map(files.filter(file => file.name === name).map(file => [file.kernel, file])),
  }))
  const hasFailed = ({ files }: Row) => [...files.values()].some(({ ok }) => !ok)
  return rows.toSorted((a, b) => Number(hasFailed(b)) - Number(hasFailed(a)))
}

function cell(file: PageFile | undefined, label: string): TemplateResult {
  if (file === undefined) return html`<td class="none"><span class="unseen">did not run</span>–</td>`
  const number = (status: string) => file.tests.filter(test => test.status === status).length
  const [failed, missed, passed] = [number('failed'), number('not run'), number('passed')]
  const all = ['failed', 'not run', 'passed', 'skipped'].flatMap(status =>
    number(status) > 0 ? [`${number(status)} ${status}`] : [],
  )
  const [shown, rest] = file.ok
    ? [passed, ' passed']
    : failed > 0
      ? [`${failed} of ${file.tests.length}`, ' failed']
      : ['outside', ' of its tests it failed']
  return html`
    <td class=${file.ok ? (passed === 0 ? 'none' : 'passed') : 'failed'}>
      <a
        href=${hashOf({ kernel: label, file: file.name })}
        title=${[...all, duration(file.phases.run)].join(', ')}
      ><span aria-hidden="true">${file.ok ? '✓' : '✗'}</span> ${shown}<span class="unseen">${rest}</span>${
        missed > 0 ? html` <small>${missed} not run</small>` : nothing
      }<span class="unseen"> in ${visible(file.name)} on ${visible(label)}</span></a>
    </td>`
}

/** How the run's times divide, and its slowest tests. */
export function times(data: PageData): TemplateResult {
  const tests = data.files
    .flatMap(file => file.tests.map(test => ({ file, test })))
    .toSorted((a, b) => b.test.duration - a.test.duration)
    .slice(0, 10)
    .filter(({ test }) => test.duration > 0)
  const rows = data.kernels.flatMap(({ label, bootTime }) => {
    const files = data.files.filter(({ kernel }) => kernel === label)
    const sum = (of: keyof PageFile['phases']) => files.reduce((all, { phases }) => all + phases[of], 0)
    return files.length === 0 ? [] : [{ label, bootTime, load: sum('load'), run: sum('run') }]
  })
  return html`
    <div class="columns">
      <section aria-labelledby="phases-title">
        <h2 id="phases-title">Time</h2>
        <table class="times">
          <thead>
            <tr>
              <th scope="col">Kernel</th>
              <th scope="col">A guest</th>
              <th scope="col">Loading files</th>
              <th scope="col">Tests and hooks</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              ({ label, bootTime, load, run }) => html`
              <tr>
                <th scope="row">${visible(label)}</th>
                <td>${bootTime === undefined ? '–' : duration(bootTime)}</td>
                <td>${duration(load)}</td>
                <td>${duration(run)}</td>
              </tr>`,
            )}
          </tbody>
        </table>
        <p class="hint">
          The whole run took ${duration(data.total)}, with files at work at the same time. A guest: the median until
          its worker is ready.
        </p>
      </section>
      <section aria-labelledby="slow-title">
        <h2 id="slow-title">Slowest tests</h2>
        <ol class="slowest">
          ${tests.map(
            ({ file, test }) => html`
            <li>
              <a href=${hashOf({ status: 'all', test: test.id })}>${visible(test.name)}</a>
              <span class="where">${visible(file.name)}${
                data.kernels.length > 1 ? html` on ${visible(file.kernel)}` : nothing
              }</span>
              <span class="duration">${duration(test.duration)}</span>
            </li>`,
          )}
        </ol>
        ${tests.length === 0 ? html`<p class="hint">${counted(0, 'test')} ran.</p>` : nothing}
      </section>
    </div>`
}
