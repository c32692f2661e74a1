// What NumPy 2 wrote (numpy.lib.format.write_array), in base64.
import { describe, expect, it } from 'vitest'
import { frameOf } from './frame'
import { isNpy, readNpy } from './npy'

const FILES = {
  whole:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAAAIAAAAAAAAAAQAAAAAAAED8/////////w==',
  single:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDQsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIArNzMw9AACASwAAwH+rqqo+',
  text: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPFUzJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAphAAAAAAAAAAAAAAD8AAAAbgAAAO8AAAA=',
  time: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPE04W25zXScsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoVzd1+xMPsGACbMuL/////AAAAAAAAAIA=',
  truth:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAA==',
  big: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPnUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAg==',
  complex:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGMxNicsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAAPA/',
  columns:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMiksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAAAMAAAAAAAAAAgAAAAAAAAAEAAAAAAAAAA==',
  codes:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnfGkxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAP8=',
}

const read = (name: keyof typeof FILES, most = 100) => readNpy(FILES[name], most)

describe('an array', () => {
  it('is read as what it is', () => {
    expect(Object.values(FILES).every(isNpy)).toBe(true)
    expect(read('whole')).toEqual({ dtype: '<i8', shape: [2, 2], values: ['1', '2', '4611686018427387905', '-4'] })
    expect(read('single')?.values).toEqual(['0.1', '16777216', 'nan', '0.33333334'])
    expect(read('text')?.values).toEqual(['a', 'ünï'])
    expect(read('truth')?.values).toEqual(['True', 'False'])
    expect(read('big')?.values).toEqual(['258'])
  })

  it('keeps all digits of a time, before 1970 too', () => {
    expect(read('time')?.values).toEqual(['2026-11-30T08:00:00.123456789', '1969-12-31T23:59:59.5', 'NaT'])
  })

  it('is not shown where its values would stand in wrong places, or are not known', () => {
    expect([read('columns'), read('complex'), readNpy('k05VTVBZ', 9), readNpy('no base64!', 9)]).toEqual([
      null,
      null,
      null,
      null,
    ])
  })

  it('is read as far as it is asked for', () => {
    expect(read('whole', 3)?.values).toHaveLength(3)
  })
})

describe('a frame', () => {
  const range = { range: [10, 13, 1], name: null }

  it('has a row for each of its index, columns of any kind beside each other', () => {
    const data = [
      { npy: FILES.time, tz: 'Europe/Berlin' },
      { codes: FILES.codes, categories: { list: ['low', 'high'] }, ordered: true },
      { list: [1, null, 'x'] },
    ]
    const frame = frameOf({ columns: { list: ['at', 'level', 'any'] }, index: range, data }, 100)
    expect(frame?.columns).toEqual(['', 'at', 'level', 'any'])
    expect(frame?.rows).toEqual([
      ['10', '2026-11-30T08:00:00.123456789 UTC', 'high', '1'],
      ['11', '1969-12-31T23:59:59.5 UTC', 'low', ''],
      ['12', 'NaT UTC', '', 'x'],
    ])
  })

  it('is none where a column is not read, or nothing looks like one', () => {
    const data = [{ npy: FILES.complex }]
    expect(frameOf({ columns: { list: ['c'] }, index: range, data }, 9)).toBe(null)
    for (const other of [null, 1, [], {}, { data: [], columns: [], index: [] }]) expect(frameOf(other, 9)).toBe(null)
  })
})
