// The screens and their addresses. What a screen shows stands in its address, so that it can be sent to somebody.
import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { execution } from './api/queries'
import { ExecutionsScreen } from './screens/executions/ExecutionsScreen'
import { NotFound } from './screens/NotFound'
import { Shell } from './ui/Shell'

const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Shell, notFoundComponent: NotFound })

/** Only texts that are there, so that an address holds nothing that is not set. */
const texts =
  <Name extends string>(...names: Name[]) =>
  (search: Record<string, unknown>): { [name in Name]?: string | undefined } => {
    const found: { [name in Name]?: string | undefined } = {}
    for (const name of names) {
      const value = search[name]
      if (typeof value === 'string' && value !== '') found[name] = value
      else if (typeof value === 'number' || typeof value === 'boolean') found[name] = String(value)
    }
    return found
  }

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/executions', replace: true })
  },
})

export const inboxRoute = createRoute({
  getParentRoute: () => root,
  path: '/inbox',
  validateSearch: texts('wait'),
  component: lazyRouteComponent(() => import('./screens/inbox/InboxScreen'), 'InboxScreen'),
})

export const executionsRoute = createRoute({
  getParentRoute: () => root,
  path: '/executions',
  validateSearch: texts('status', 'flow', 'tag', 'search', 'since', 'min_cost'),
  component: ExecutionsScreen,
})

export const executionRoute = createRoute({
  getParentRoute: () => root,
  path: '/executions/$id',
  // What may take long to read is asked for while the screen itself is loaded; a link that is pointed at asks for nothing.
  loader: ({ params, context, cause }) => {
    if (cause === 'enter') void context.client.prefetchQuery(execution(params.id))
  },
  validateSearch: texts('call', 'view'),
  component: lazyRouteComponent(() => import('./screens/execution/ExecutionScreen'), 'ExecutionScreen'),
})

export const replayRoute = createRoute({
  getParentRoute: () => root,
  path: '/executions/$id/replay',
  validateSearch: texts('from'),
  component: lazyRouteComponent(() => import('./screens/replay/ReplayScreen'), 'ReplayScreen'),
})

export const compareRoute = createRoute({
  getParentRoute: () => root,
  path: '/compare',
  validateSearch: texts('ids', 'call', 'only'),
  component: lazyRouteComponent(() => import('./screens/compare/CompareScreen'), 'CompareScreen'),
})

export const flowsRoute = createRoute({
  getParentRoute: () => root,
  path: '/flows',
  component: lazyRouteComponent(() => import('./screens/flows/FlowsScreen'), 'FlowsScreen'),
})

export const flowRoute = createRoute({
  getParentRoute: () => root,
  path: '/flows/$flow',
  validateSearch: texts('days'),
  component: lazyRouteComponent(() => import('./screens/flows/FlowScreen'), 'FlowScreen'),
})

export const deploymentsRoute = createRoute({
  getParentRoute: () => root,
  path: '/deployments',
  validateSearch: texts('flow'),
  component: lazyRouteComponent(() => import('./screens/deployments/DeploymentsScreen'), 'DeploymentsScreen'),
})

export const schedulesRoute = createRoute({
  getParentRoute: () => root,
  path: '/schedules',
  component: lazyRouteComponent(() => import('./screens/schedules/SchedulesScreen'), 'SchedulesScreen'),
})

export const fleetRoute = createRoute({
  getParentRoute: () => root,
  path: '/fleet',
  validateSearch: texts('of'),
  component: lazyRouteComponent(() => import('./screens/fleet/FleetScreen'), 'FleetScreen'),
})

export const breakpointsRoute = createRoute({
  getParentRoute: () => root,
  path: '/breakpoints',
  component: lazyRouteComponent(() => import('./screens/breakpoints/BreakpointsScreen'), 'BreakpointsScreen'),
})

export const limitsRoute = createRoute({
  getParentRoute: () => root,
  path: '/limits',
  component: lazyRouteComponent(() => import('./screens/limits/LimitsScreen'), 'LimitsScreen'),
})

export const workersRoute = createRoute({
  getParentRoute: () => root,
  path: '/workers',
  component: lazyRouteComponent(() => import('./screens/workers/WorkersScreen'), 'WorkersScreen'),
})

export const tokensRoute = createRoute({
  getParentRoute: () => root,
  path: '/tokens',
  component: lazyRouteComponent(() => import('./screens/tokens/TokensScreen'), 'TokensScreen'),
})

export const auditRoute = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: texts('by'),
  component: lazyRouteComponent(() => import('./screens/audit/AuditScreen'), 'AuditScreen'),
})

const screens = [
  home,
  inboxRoute,
  executionsRoute,
  executionRoute,
  replayRoute,
  compareRoute,
  flowsRoute,
  flowRoute,
  deploymentsRoute,
  schedulesRoute,
  fleetRoute,
  breakpointsRoute,
  limitsRoute,
  workersRoute,
  tokensRoute,
  auditRoute,
]

export const makeRouter = (client: QueryClient) =>
  createRouter({
    routeTree: root.addChildren(screens),
    context: { client },
    defaultPreload: 'intent',
    scrollRestoration: true,
    // Everything in an address is a text, as people write it: no quotes around it.
    parseSearch: text => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: search => {
      const set = Object.entries(search).filter(([, value]) => value !== undefined && value !== '')
      const text = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString()
      return text === '' ? '' : `?${text}`
    },
  })

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
