import { Button, Group, SegmentedControl, Stack, Text, Title, useComputedColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { layOutMap, MAP_SIZE, MAX_SINGLE, type MapLine, type MapNode, outwards } from '../map/map-layout.ts'
import { type MapSearch, searchOfGroup } from '../network/endpoint-search.ts'
import { formatBytes } from '../parts/amounts.ts'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'

/**
 * The mesh as a picture: hubs, endpoints or groups of them, and the ways from here that are open now, with what they carry. What it
 * shows, the listings say in words.
 */
export function MapPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const { by = 'user', open } = useSearch({ from: '/$mesh/map' })
  const navigate = useNavigate({ from: '/$mesh/map' })
  const hubs = useQuery(QUERIES.hubs(mesh))
  const counts = useQuery(NETWORK_QUERIES.endpointCounts(mesh, {}, by))
  const paths = usePaths(mesh)
  const isSmall = (counts.data?.total ?? 0) <= MAX_SINGLE
  const opened = open === undefined ? {} : searchOfGroup(by, open)
  const listed = useQuery({
    ...NETWORK_QUERIES.endpointPage(mesh, opened, 0),
    enabled: counts.data !== undefined && (isSmall || open !== undefined),
  })
  // Who is here, and at the other ends of the ways, is on every map.
  const peers = useQuery(NETWORK_QUERIES.endpointsById(mesh, [paths.self, ...paths.ids]))
  return (
    <Stack>
      <Title order={1}>{say('map.title')}</Title>
      <Loaded query={counts}>
        {({ groups, total }) => {
          const shown = [...(listed.data?.endpoints ?? []), ...(peers.data?.endpoints ?? [])]
          const endpoints = [...new Map(shown.map(one => [one.id, one])).values()]
          const collapsed = isSmall ? [] : groups.filter(({ name }) => name !== open)
          const input = { hubs: hubs.data?.hubs ?? [], endpoints, groups: collapsed, paths: paths.open }
          const { nodes, lines, hiddenCount } = layOutMap(input)
          const inGroup = groups.find(({ name }) => name === open)?.count ?? 0
          const missing = hiddenCount + Math.max(0, inGroup - (listed.data?.endpoints.length ?? inGroup))
          return (
            <>
              <Group>
                <Legend />
                {total > MAX_SINGLE && (
                  <SegmentedControl
                    aria-label={say('endpoints.by')}
                    value={by}
                    onChange={value => void navigate({ search: { by: value as MapSearch['by'] } })}
                    data={(['user', 'label'] as const).map(value => ({
                      value,
                      label: say(`endpoints.by.${value}`),
                    }))}
                  />
                )}
                {open !== undefined && (
                  <Button variant="default" size="xs" onClick={() => void navigate({ search: { by } })}>
                    {say('map.close', { name: open === '' ? say('endpoints.unlabelled') : open })}
                  </Button>
                )}
              </Group>
              <Picture mesh={mesh} by={by} nodes={nodes} lines={lines} />
              {missing > 0 && <Text size="sm">{say('map.hidden', { count: missing })}</Text>}
            </>
          )
        }}
      </Loaded>
    </Stack>
  )
}

/** The open ways from here, with what each carries by now: what it had carried is known from the question before. */
function usePaths(mesh: string) {
  const { language } = useTexts()
  const status = useQuery({ ...QUERIES.status(), refetchInterval: 2_000 })
  const { data, dataUpdatedAt } = status
  const [[before, now], setSeen] = useState<readonly [Seen, Seen]>([NOTHING_SEEN, NOTHING_SEEN])
  if (data !== undefined && now.atMs !== dataUpdatedAt) {
    const bytes = new Map(
      data.paths.map(({ endpoint, path, sentBytes = 0, receivedBytes = 0 }) => [
        `${endpoint} ${path}`,
        sentBytes + receivedBytes,
      ]),
    )
    setSeen([now, { atMs: dataUpdatedAt, bytes }])
  }
  const open = (data?.paths ?? []).filter(({ state }) => state === 'open').slice(0, MAX_PATHS)
  return {
    self: data?.meshes.find(({ name }) => name === mesh)?.endpoint.id ?? '',
    ids: [...new Set(open.map(({ endpoint }) => endpoint))],
    open: open.map(({ endpoint, path, roundTripMs }) => {
      const key = `${endpoint} ${path}`
      const [was, is] = [before.bytes.get(key), now.bytes.get(key)]
      const seconds = (now.atMs - before.atMs) / 1_000
      const rate =
        was === undefined || is === undefined
          ? ''
          : `${formatBytes(Math.max(0, is - was) / seconds, language)}/s`
      const latency = roundTripMs === undefined ? '' : `${roundTripMs.toFixed(1)} ms`
      return { endpoint, path, detail: [latency, rate].filter(Boolean).join(' · ') }
    }),
  }
}

interface Seen {
  readonly atMs: number
  readonly bytes: ReadonlyMap<string, number>
}

function Picture({
  mesh,
  by,
  nodes,
  lines,
}: {
  mesh: string
  by: NonNullable<MapSearch['by']>
  nodes: readonly MapNode[]
  lines: readonly MapLine[]
}) {
  const { say } = useTexts()
  const colors = useColors()
  const byId = new Map(nodes.map(node => [node.id, node]))
  const isCrowded = nodes.filter(({ kind }) => kind !== 'hub').length > MAX_LEVEL_LABELS
  // Labels that point outwards need room around.
  const [left, top] = isCrowded ? [-160, -100] : [0, 0]
  return (
    <section aria-label={say('map.title')}>
      <svg
        viewBox={`${left} ${top} ${MAP_SIZE - 2 * left} ${MAP_SIZE - 2 * top}`}
        style={{ width: '100%', maxHeight: '75vh' }}
      >
        <title>{say('map.title')}</title>
        {lines.map(({ from, to, kind }) => {
          const [a, b] = [byId.get(from), byId.get(to)]
          if (a === undefined || b === undefined) return null
          const width = kind === 'link' ? 1 : 4
          return (
            <path
              key={`${from} ${to} ${kind}`}
              d={lineOf(a, b, kind)}
              fill="none"
              stroke={colors[kind]}
              strokeWidth={width}
              strokeDasharray={kind === 'punched' ? '10 6' : kind === 'link' ? '2 4' : undefined}
            />
          )
        })}
        {nodes.map(node => (
          <Spot
            key={node.id}
            mesh={mesh}
            by={by}
            node={node}
            detail={lines.find(({ to, detail }) => to === node.id && detail !== undefined)?.detail ?? ''}
            isCrowded={isCrowded}
          />
        ))}
      </svg>
    </section>
  )
}

/** A link is straight; a way between endpoints goes round the hubs, as its bytes do. A relayed one does not. */
function lineOf(a: MapNode, b: MapNode, kind: MapLine['kind']): string {
  const { x, y } = bendOf(a, b, kind)
  return `M${a.x} ${a.y} Q${x} ${y} ${b.x} ${b.y}`
}

function bendOf(a: MapNode, b: MapNode, kind: MapLine['kind']): { readonly x: number; readonly y: number } {
  const bend = kind === 'link' ? 0 : kind === 'direct' || kind === 'punched' ? 0.35 : 0.04
  return { x: (a.x + b.x) / 2 + bend * (b.y - a.y), y: (a.y + b.y) / 2 - bend * (b.x - a.x) }
}

function Spot({
  mesh,
  by,
  node,
  detail,
  isCrowded,
}: {
  mesh: string
  by: NonNullable<MapSearch['by']>
  node: MapNode
  detail: string
  isCrowded: boolean
}) {
  const { say } = useTexts()
  const colors = useColors()
  const { id, x, y, kind, isOnline, isLocal, count } = node
  const name = kind === 'group' && node.label === '' ? say('endpoints.unlabelled') : visibleName(node.label)
  const label = kind === 'group' ? `${name} (${count})` : name
  const picture = (
    <>
      {kind === 'hub' ? (
        <rect x={x - 16} y={y - 16} width={32} height={32} rx={6} fill={colors.hub} />
      ) : (
        <circle
          cx={x}
          cy={y}
          r={kind === 'group' ? Math.min(34, 14 + 3 * Math.log2(count)) : 13}
          fill={isOnline ? colors.online : colors.offline}
          stroke={isLocal ? colors.text : 'none'}
          strokeWidth={4}
        />
      )}
      <Label node={node} isOutwards={isCrowded && kind !== 'hub'} detail={detail}>
        {label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL)}…` : label}
      </Label>
    </>
  )
  if (kind === 'hub')
    return (
      <Link to="/$mesh/hubs" params={{ mesh }} aria-label={label}>
        {picture}
      </Link>
    )
  if (kind === 'group')
    return (
      <Link to="/$mesh/map" params={{ mesh }} search={{ by, open: node.label }} aria-label={label}>
        {picture}
      </Link>
    )
  return (
    <Link
      to="/$mesh/endpoints/$endpoint"
      params={{ mesh, endpoint: id }}
      aria-label={detail === '' ? label : `${label} ${detail}`}
    >
      {picture}
    </Link>
  )
}

/** What stands at a thing: below it, or, where neighbours are near, on a line that leads away from the middle. */
function Label({
  node: { x, y, kind },
  isOutwards,
  detail,
  children,
}: {
  node: MapNode
  isOutwards: boolean
  detail: string
  children: string
}) {
  const { text } = useColors()
  const place = isOutwards
    ? outwards({ x, y }, kind === 'group' ? 40 : 20)
    : ({ x, y: y + (kind === 'group' ? 50 : 34), textAnchor: 'middle' } as const)
  return (
    <text {...place} fill={text} fontSize={16}>
      {children}
      {detail !== '' && ' '}
      {detail !== '' && (
        <tspan fontSize={14} {...(isOutwards ? {} : { x, dy: 18 })}>
          {detail}
        </tspan>
      )}
    </text>
  )
}

function Legend() {
  const { say } = useTexts()
  const colors = useColors()
  return (
    <Group gap="md">
      {(['direct', 'punched', 'relay'] as const).map(kind => (
        <Group key={kind} gap={6}>
          <svg width={28} height={6} aria-hidden="true">
            <line
              x1={0}
              y1={3}
              x2={28}
              y2={3}
              stroke={colors[kind]}
              strokeWidth={4}
              strokeDasharray={kind === 'punched' ? '10 6' : undefined}
            />
          </svg>
          <Text size="sm">{say(`path.${kind}`)}</Text>
        </Group>
      ))}
    </Group>
  )
}

function useColors() {
  const isDark = useComputedColorScheme('light') === 'dark'
  return isDark ? DARK : LIGHT
}

const LIGHT = {
  link: '#868e96',
  direct: '#2b8a3e',
  punched: '#1864ab',
  relay: '#d9480f',
  'relay-h2': '#d9480f',
  hub: '#5f3dc4',
  online: '#2b8a3e',
  offline: '#868e96',
  text: '#000000',
} as const
const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  ...LIGHT,
  direct: '#69db7c',
  punched: '#74c0fc',
  relay: '#ffa94d',
  'relay-h2': '#ffa94d',
  hub: '#b197fc',
  online: '#69db7c',
  text: '#ffffff',
}
const NOTHING_SEEN: Seen = { atMs: 0, bytes: new Map() }
/** Ways that are drawn. */
const MAX_PATHS = 30
/** So many things have room for labels that are level. */
const MAX_LEVEL_LABELS = 12
/** Letters of a name that have room. */
const MAX_LABEL = 24
