/**
 * Cloud groups whose list failed while others answered. They are listed separately, so that no poll waits for them,
 * until they have answered for a while; that while grows each time they fail again. Until then each poll costs one
 * more call.
 */
import type { Clock } from '../../domain/ports/time-port.ts';

/** The first time; twice as long each further time, and an hour at most. */
const convalescesMs = 10 * 60_000;
const longestMs = 3_600_000;
/**
 * A group that answers, but after its poll, is shown by none until it is well: the first time that is at once, the second
 * after this long, and each further time twice as long and this. What hangs now and then keeps few polls waiting.
 */
const lateMs = 60_000;

interface Illness {
  /** Within the last hour. */
  readonly times: number;
  readonly failedAt: number;
  readonly askAgainAt: number;
  /** It answers again since then. */
  readonly answersSince: number | undefined;
  readonly over: boolean;
}

export function createIllGroups(clock: Pick<Clock, 'monotonic'>) {
  const illnesses = new Map<string, Illness>();
  const now = () => clock.monotonic();
  const present = (name: string): Illness | undefined => {
    const illness = illnesses.get(name);
    return illness?.over ? undefined : illness;
  };
  /** It answered last time. */
  const convalesces = (name: string) => present(name)?.answersSince !== undefined;
  const isForgotten = ({ over, failedAt }: Illness) => over && now() - failedAt > longestMs;
  return {
    has: (name: string) => present(name) !== undefined,
    convalesces,
    /** Those of them that may be asked for now; first those that answered last time. */
    toBeAsked: (names: readonly string[]) =>
      names
        .filter((name) => now() >= (present(name)?.askAgainAt ?? 0))
        .sort((a, b) => Number(convalesces(b)) - Number(convalesces(a))),
    failed(name: string, restMs: number) {
      for (const [other, illness] of illnesses) if (isForgotten(illness)) illnesses.delete(other);
      const before = illnesses.get(name);
      const again = before === undefined || before.over || before.answersSince !== undefined;
      illnesses.set(name, {
        times: (before?.times ?? 0) + (again ? 1 : 0),
        failedAt: now(),
        askAgainAt: now() + restMs,
        answersSince: undefined,
        over: false,
      });
    },
    answered(name: string, when: 'in time' | 'late') {
      const illness = present(name);
      if (!illness) return;
      const answersSince = illness.answersSince ?? now();
      const longer = 2 ** (illness.times - 1);
      const untilWellMs = Math.min(when === 'late' ? lateMs * (longer - 1) : convalescesMs * longer, longestMs);
      illnesses.set(name, { ...illness, answersSince, over: now() - answersSince >= untilWellMs });
    },
    /** When none is well, the cause may be another by now. */
    allAreWell() {
      for (const [name, illness] of illnesses) illnesses.set(name, { ...illness, over: true });
    },
  };
}
