import { Group, Stack, Text, Title, useComputedColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { QUERIES } from '../api/queries.ts'
import { layOutMap, MAP_SIZE, type MapLine, type MapNode } from '../map/map-layout.ts'
import { Loaded } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'

/** The mesh as a picture: hubs, endpoints, and the ways from here that are open now. What it shows, the listings say in words. */
export function MapPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const status = useQuery({ ...QUERIES.status(), refetchInterval: 2_000 })
  const hubs = useQuery(QUERIES.hubs(mesh))
  const endpoints = useQuery(QUERIES.endpoints(mesh))
  return (
    <Stack>
      <Title order={1}>{say('map.title')}</Title>
      <Loaded query={endpoints}>
        {({ endpoints: all, total }) => {
          const paths = status.data?.paths.filter(({ state }) => state === 'open') ?? []
          const { nodes, lines, hiddenCount } = layOutMap({
            hubs: hubs.data?.hubs ?? [],
            endpoints: all,
            paths,
          })
          const missing = hiddenCount + total - all.length
          return (
            <>
              <Legend />
              <Picture mesh={mesh} nodes={nodes} lines={lines} />
              {missing > 0 && <Text size="sm">{say('map.hidden', { count: missing })}</Text>}
            </>
          )
        }}
      </Loaded>
    </Stack>
  )
}

function Picture({
  mesh,
  nodes,
  lines,
}: {
  mesh: string
  nodes: readonly MapNode[]
  lines: readonly MapLine[]
}) {
  const { say } = useTexts()
  const colors = useColors()
  const byId = new Map(nodes.map(node => [node.id, node]))
  return (
    <section aria-label={say('map.title')}>
      <svg viewBox={`0 0 ${MAP_SIZE} ${MAP_SIZE}`} style={{ width: '100%', maxHeight: '75vh' }}>
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
          <Spot key={node.id} mesh={mesh} node={node} />
        ))}
      </svg>
    </section>
  )
}

/** A link is straight; a way between endpoints goes round the hubs, as its bytes do. A relayed one does not. */
function lineOf(a: MapNode, b: MapNode, kind: MapLine['kind']): string {
  const bend = kind === 'direct' || kind === 'punched' ? 0.35 : 0.04
  const x = (a.x + b.x) / 2 + (kind === 'link' ? 0 : bend * (b.y - a.y))
  const y = (a.y + b.y) / 2 - (kind === 'link' ? 0 : bend * (b.x - a.x))
  return `M${a.x} ${a.y} Q${x} ${y} ${b.x} ${b.y}`
}

function Spot({ mesh, node }: { mesh: string; node: MapNode }) {
  const colors = useColors()
  const { id, x, y, kind, isOnline, isLocal, count } = node
  const label = `${visibleName(node.label)}${count > 1 ? ` (${count})` : ''}`
  const picture = (
    <>
      {kind === 'hub' ? (
        <rect x={x - 16} y={y - 16} width={32} height={32} rx={6} fill={colors.hub} />
      ) : (
        <circle
          cx={x}
          cy={y}
          r={kind === 'user' ? 18 : 13}
          fill={isOnline ? colors.online : colors.offline}
          stroke={isLocal ? colors.text : 'none'}
          strokeWidth={4}
        />
      )}
      <text x={x} y={y + 34} textAnchor="middle" fill={colors.text} fontSize={16}>
        {label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL)}…` : label}
      </text>
    </>
  )
  if (kind === 'hub')
    return (
      <Link to="/$mesh/hubs" params={{ mesh }} aria-label={label}>
        {picture}
      </Link>
    )
  if (kind === 'user')
    return (
      <Link to="/$mesh/users" params={{ mesh }} aria-label={label}>
        {picture}
      </Link>
    )
  return (
    <Link to="/$mesh/endpoints/$endpoint" params={{ mesh, endpoint: id }} aria-label={label}>
      {picture}
    </Link>
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
/** Letters of a name that have room. */
const MAX_LABEL = 24
