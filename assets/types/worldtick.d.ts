// Types of worldtick's messages and files. Made from the JSON Schemas: cargo xtask schemas

/** What can happen between two factions. */
export type ActKind = "war_declared" | "alliance_formed" | "betrayal" | "treaty_signed" | "treaty_broken" | "trade" | "incident";

/** Something that is going to happen between two factions. */
export interface ActSpec {
  /** What. */
  kind: ActKind;
  /**
   * In how many days of game time, counted from the world's beginning. It happens with the first daily tick from then
   * on. 0 to 36,500.
   */
  inDays: number;
  /** The faction that does it. */
  by: string;
  /** The faction that it is done to, or with. */
  with: string;
  /** The kind of the treaty, for `treaty_signed` and `treaty_broken`. */
  treaty?: TreatyKind | null;
  /** Game time from which the treaty holds, for `treaty_signed`; without it, from now. */
  begins?: GameInstant | null;
  /** Game time at which the treaty ends, for `treaty_signed` and `alliance_formed`; it or `days`. */
  ends?: GameInstant | null;
  /** Days that the treaty holds, for `treaty_signed` and `alliance_formed`; it or `ends`. 1 to 36,500. */
  days?: number | null;
  /** How strong it is: above 0 to 1 for `trade`, -1 to 1 for `incident`, where below 0 is hostile. */
  strength?: number | null;
  /** The incident's own id: one that is known does not happen again. For `incident`; 1 to 64 printable characters. */
  id?: string | null;
  /** Why, in words: 1 to 200 characters. */
  reason?: string | null;
}

/** How an NPC came to do something else. */
export type ActivityReason = "decision" | "nothing_possible" | "caught_up";

/** Something that NPCs can do. */
export interface ActivitySpec {
  /** Version of the entry, for people. */
  version?: number | null;
  /** Its id again. */
  id?: string;
  /** For people. */
  name?: string;
  /** Its category. */
  category: string;
  /** What must hold for an NPC to choose it. */
  requirements?: RequirementsSpec;
  /** What it does to the NPC, in each hour of it or at its end. */
  effects?: EffectsSpec;
  /** For clients. */
  visual?: unknown;
  /** How long an NPC stays with it at least, in game seconds. 0 to 604,800. */
  minDurationSeconds?: number;
  /** How long after its end an NPC does not choose it again, in game seconds. 0 to 31,536,000. */
  cooldownSeconds?: number;
  /** Base weight beside others, 0 to 100. Without it 1. */
  priority?: number | null;
}

/** Something that one agent did. */
export interface AgentAction {
  /** The agent. */
  agent_id: string;
  /** What it did. */
  action_type: AgentActionType;
  /** Where. */
  location: string;
  /** The sector, where it is not the location itself. */
  sector?: string | null;
  /** More about it. */
  metadata?: Record<string, unknown> | null;
}

/** Kinds of actions: a closed list. */
export type AgentActionType = "walk" | "buy_food" | "tweet" | "trade" | "socialize" | "rest";

/** From where the agents come that an economy begins with. */
export type AgentSource = "file" | "market_agent";

/** An agent. What is left out is drawn as the population says. */
export interface AgentSpec {
  /** Its role. */
  role: string;
  /** The market place where it begins; without it, the places fill by their shares. */
  place?: string | null;
  /** Its money, in minor units. 0 to 1,000,000,000. */
  money: number;
  /** Units of each commodity; of what is not named it has none. 0 to 1,000,000. */
  stocks?: Record<string, number>;
  /** Units of all commodities together that it has room for; without it, the population's `capacity`. 1 to 1,000,000. */
  capacity?: number | null;
  /** What it believes that a unit costs, in minor units; of what is not named, about the initial price. 1 to 400,000. */
  beliefs?: Record<string, number>;
  /** Output against the recipe's. 0.1 to 10. */
  skill?: number | null;
  /** 0 to 1: offers more of a stock at once. */
  riskTolerance?: number | null;
  /** 0 to 1: quotes further past its belief. */
  impatience?: number | null;
  /** 0 to 1: follows the market without experience of its own. */
  socialInfluence?: number | null;
  /** 0.01 to 1: how far one trade moves a belief. */
  learningRate?: number | null;
}

/** What agents did in a place within a window, in sums. */
export interface AggregatedStats {
  /** Where. */
  location: string;
  /** What is summed. */
  stats_type: StatsType;
  /** Length of the window. */
  time_window_minutes?: number | null;
  /** End of the window, in game time; without it, the time of the event. */
  aggregation_timestamp?: GameInstant | null;
  /** The sums. */
  metrics: StatsMetrics;
}

/** An amount of money that is drawn evenly, in minor units. */
export interface AmountRange {
  /** The least. */
  min: number;
  /** The most. */
  max: number;
}

/** What every event has. Fields of its own may stand beside these. */
export interface BaseEvent {
  /** Id of the event: the same when it is sent again. */
  event_id: string;
  event_type: string;
  /** Of a simulation event game time, of a tick message wall time. */
  timestamp: string;
  /** Version of the shape. */
  version: string;
  /** Who says it. */
  source: string;
  /** The world. */
  world_id?: string;
  /** The tick that caused it. */
  tick_id?: string;
  /** Ties messages together. */
  correlation_id?: string;
  /** The session. */
  session_id?: string;
  /** The player. */
  player_id?: string;
  /** The game. */
  game_id?: string;
  data?: Record<string, unknown>;
  /** How a message wants to be handled on its way. */
  metadata?: {
    /** low, normal, high or critical. */
    priority?: "low" | "normal" | "high" | "critical" | null;
    /** Time to live, such as `1h`. */
    ttl?: string | null;
    /** How often it was tried. */
    retry_count?: number | null;
    /** none, gzip, snappy or lz4. */
    compression?: "none" | "gzip" | "snappy" | "lz4" | null;
    /** Size in bytes. */
    size_bytes?: number | null;
  };
  tags?: string[];
  trace_id?: string;
}

/** How NPCs behave. */
export interface BehaviourSpec {
  /** Version of the section, for people. */
  version?: number | null;
  /** Kinds of activity, by id. */
  activityCategories?: Record<string, CategorySpec>;
  /** What NPCs can do, by id. */
  activities?: Record<string, ActivitySpec>;
  /** How a day goes, by id. */
  routines?: Record<string, RoutineSpec>;
  /** How activities are weighed. */
  scoringConfig?: ScoringSpec;
  /** Who belongs to which tier. */
  simulationConfig?: TierRulesSpec;
  /** Sets of preferences that NPCs refer to. */
  presets?: PresetsSpec;
}

/** A number for each state. */
export interface ByState {
  war: number;
  cold_war: number;
  peace: number;
  alliance: number;
}

/** A kind of activity. */
export interface CategorySpec {
  /** Its id again. */
  id?: string;
  /** For people. */
  label?: string;
  /** For people. */
  icon?: string | null;
  /** The preference of an NPC that says nothing of it, 0 to 1. Without it 0.5. */
  defaultWeight?: number | null;
  /** For people. */
  description?: string | null;
}

/** What is remembered of each agent: its wealth and beliefs at regular times. */
export interface ChronicleSpec {
  /** Hours from one sample to the next; the spread of wealth and beliefs is counted as often. 1 to 8,760. */
  everyHours?: number;
  /** Samples kept of each agent; the oldest are forgotten. 0 to 1,000, and fewer with very many agents. */
  samples?: number;
}

/** How the price of a trade is found. Volumes are the same with both. */
export type ClearingRule = "midpoint" | "uniform";

/** What drives a world's clock. One source at a time. */
export type ClockSource = "live" | "ticks" | "manual";

/** One thing that is wrong with a command. */
export interface CommandErrorDetail {
  /** Where in the payload: a JSON pointer. */
  pointer: string;
  /** A short word. */
  code: string;
  /** What is wrong and what to do. */
  detail: string;
}

/** What became of a command. */
export type CommandOutcome = "done" | "refused" | "duplicate";

/** Something that is traded. */
export interface CommoditySpec {
  /** Name, 1 to 32 of letters, digits and `_`; its market is `market-<name>`, or `market-<place>-<name>`. */
  name: string;
  /**
   * Price that agents believe in at first, in minor units; without it, the price that the recipes imply.
   * 100 to 400,000.
   */
  initialPrice?: number | null;
  /** Units that everybody needs in an hour; what is missing is a meal missed. 0 to 10. */
  need?: number;
  /** Share of what is left of the budget after needs that is spent on it. The shares add up to 1, or all are 0. */
  spendingShare?: number;
  /** Share of a stock that spoils in an hour. 0 to 0.5. */
  spoilage?: number;
  /** As what demand for it is told to the outside; without it, under its own name, and a warning. */
  signal?: DemandName | null;
}

/** Something that holds or does not. A list of conditions means all of them. */
export type ConditionSpec = {
  type: "relationship_gt";
  /** Whom. */
  npcIdOrRole: string;
  /** The axis. */
  metric: string;
  /** 0 to 100. */
  threshold: number;
} | {
  type: "relationship_lt";
  /** Whom. */
  npcIdOrRole: string;
  /** The axis. */
  metric: string;
  /** 0 to 100. */
  threshold: number;
} | {
  type: "stat_axis_gt";
  /** `needs`, `mood` or `relationships`. */
  statDefinition: string;
  /** `energy`, `valence`, `arousal` or an axis of relationships. */
  axis: string;
  /** For relationships: to whom. */
  npcIdOrRole?: string | null;
  /** The threshold. */
  threshold: number;
} | {
  type: "stat_axis_lt";
  /** As above. */
  statDefinition: string;
  /** As above. */
  axis: string;
  /** As above. */
  npcIdOrRole?: string | null;
  /** The threshold. */
  threshold: number;
} | {
  type: "stat_axis_between";
  /** As above. */
  statDefinition: string;
  /** As above. */
  axis: string;
  /** As above. */
  npcIdOrRole?: string | null;
  /** The lower bound. */
  min: number;
  /** The upper bound. */
  max: number;
} | {
  type: "flag_equals";
  /** Its key; `{npc.id}` stands for the NPC. */
  key: string;
  /** The value. */
  value: unknown;
} | {
  type: "flag_exists";
  /** Its key; `{npc.id}` stands for the NPC. */
  key: string;
} | {
  type: "mood_in";
  /** happy, sad, energetic, tense, calm, tired, neutral, … */
  moodTags: string[];
} | {
  type: "energy_between";
  /** 0 to 100. */
  min: number;
  /** 0 to 100. */
  max: number;
} | {
  type: "random_chance";
  /** 0 to 1. */
  probability: number;
} | {
  type: "time_of_day_in";
  /** The times. */
  times: TimeOfDay[];
} | {
  type: "day_of_week_in";
  /** 0 to 6. */
  days: number[];
} | {
  type: "location_type_in";
  /** The types. */
  locationTypes: string[];
} | {
  type: "expression";
  /** The formula. */
  expression: string;
} | {
  type: "custom";
  /** Its name. */
  evaluatorId: string;
  /** What it gets. */
  params?: unknown;
};

/** What war does to factions each day, and how they recover from it. */
export interface ConflictRules {
  /** Share of the military power that a day of war against an equal costs; against a stronger one more. 0 to 0.5. */
  losses?: number;
  /** What a day of an evenly fought war adds to exhaustion. 0 to 0.5. */
  exhaustion?: number;
  /** Share of territory, economy and morale that a day of war costs. 0 to 0.5. */
  damage?: number;
  /** Share of each power at first below which war does not bring it. 0 to 1. */
  floor?: number;
  /**
   * Share of the way back to what a power should be, without war; in war, the share of what the economy makes of it
   * beyond or below what is usual. 0 to 1.
   */
  recovery?: number;
  /** What a day without war takes from exhaustion. 0 to 1. */
  rest?: number;
  /** Losses, damage and exhaustion count for so many wars at once at most. 1 to 10. */
  warsMax?: number;
}

/** Something that many people of a place do at once. */
export interface CrowdSignal {
  /** What they do. */
  signal_type: CrowdSignalType;
  /** Where. */
  location: string;
  /** The sector, where it is not the location itself. */
  sector?: string | null;
  /** How much, 0 to 100. */
  magnitude: number;
  /** Change against the windows before, in percent. */
  change_percent?: number | null;
  /** Agents behind it. */
  agent_count?: number | null;
  /** End of the window, in game time. */
  aggregation_timestamp: GameInstant;
  /** Length of the window. */
  time_window_minutes?: number | null;
  /** How much longer it is expected to last, from the end of the window on; 0 when it is over. */
  predicted_duration_minutes?: number | null;
  /** By how much such predictions were wrong so far, on average. None before the first has come true or not. */
  predicted_duration_error_minutes?: number | null;
}

/** Kinds of crowd signals: a closed list. */
export type CrowdSignalType = "food_demand_rising" | "food_demand_falling" | "population_influx" | "population_exodus" | "economic_activity_spike" | "social_unrest" | "trading_volume_change";

/** A crowd: many anonymous agents with needs on a grid. */
export interface CrowdSpec {
  /** Whether it lives; without it the section is checked and does nothing. `CROWD_SIMULATION_ENABLED` overrides it. */
  enabled?: boolean;
  /** Agents, 1 and more, as many as the memory of a crowd (4 GiB) holds. `CROWD_NUM_AGENTS` overrides it. */
  agents?: number;
  /**
   * Steps that the crowd lives in a day, of whole minutes each: 1 to 96; with `hourly` a multiple of 24. The rules of a
   * city are those of an hour: any other number than 24 is a warning there.
   */
  stepsADay?: number;
  /** Whether it lives hour by hour with the hourly tick, and not a day at once with the daily one. */
  hourly?: boolean;
  /** Where it lives. */
  grid?: GridSpec;
  /** How it lives. */
  rules?: RulesSpec;
  /** What it tells of itself. */
  telling?: TellingSpec;
}

/** How often factions do something by themselves. */
export interface DealingRules {
  /** What a faction does to others of its own accord in a day, on average: incidents and trades. 0 to 1. */
  incidents?: number;
  /** How strong it is at most. 0 to 1. */
  strength?: number;
  /** Chance that a faction of no loyalty betrays an ally in a day. 0 to 1. */
  betrayal?: number;
}

/** How strong a demand is. */
export type DemandLevel = "very_low" | "low" | "normal" | "high" | "very_high" | "critical";

/** As what demand for a commodity is told to the outside. */
export type DemandName = "food" | "water" | "medicine" | "weapons" | "ammunition" | "cyberware" | "vehicles" | "own" | "none";

/** How much of a commodity people want. */
export interface DemandSignal {
  /**
   * One of the closed list that consumers accept: food, water, medicine, weapons, ammunition, cyberware, vehicles; or
   * the commodity's own name, where the world file gives it none of them.
   */
  commodity_type: string;
  /** The commodity, as the world file names it: several may go out under one name of the list. */
  commodity?: string | null;
  /** Where: the world, or `<world>/<place>` in a world with several market places. */
  location: string;
  /** How much. */
  demand_level: DemandLevel;
  /** Units used and units missed this hour, against the mean of the hours before it, in percent. What spoiled is neither. */
  demand_change_percent?: number | null;
  /** Expected effect on the price over the next three hours, in percent. */
  predicted_price_impact_percent?: number | null;
  /** Agents that bid for it; traders from outside are none. */
  agent_count?: number | null;
}

/** How closely a named tier is simulated. */
export type DetailLevel = "full" | "simplified" | "schedule_only";

/** By which rules relations change. */
export interface DiplomacyRules {
  /** How the five kinds of power make one. */
  powerWeights?: PowerWeights;
  /** How the score of a pair is made. */
  score?: ScoreRules;
  /** What treaties add to love. */
  treaties?: TreatyRules;
  /** At which scores states are entered and left, and how long they last at least. */
  states?: StateRules;
  /** How love and trust move by themselves. */
  drift?: DriftRules;
  /** What is done to love and trust by what happens. */
  effects?: EffectsRules;
  /** What war does to factions, and how they recover. */
  conflict?: ConflictRules;
  /** How often factions do something by themselves. */
  dealings?: DealingRules;
  /** How the economy and diplomacy reach each other. */
  economy?: EconomyLinkRules;
  /** What is remembered. */
  keeping?: KeepingRules;
}

/** The factions of a world, how they stand to each other at first, and by which rules that changes. */
export interface DiplomacySpec {
  /** The factions: 2 to 4,096. */
  factions: FactionSpec[];
  /** How pairs of them stand at first; a pair that is not listed stands as the goals of both imply. */
  relations?: RelationSpec[];
  /** Treaties that hold from the beginning, or from a given instant. */
  treaties?: TreatySpec[];
  /** What is going to happen, whatever becomes of the world. At most 1,000. */
  events?: ActSpec[];
  /** By which rules relations change. */
  rules?: DiplomacyRules;
}

/** What a day of diplomacy came to. */
export interface DiplomacySummary {
  /** The world. */
  location: string;
  /** Pairs of factions. */
  relations: number;
  /** Changes of state since the summary before. */
  changes: number;
  /** Pairs by their state. */
  by_state: ByState;
  /** Treaties. */
  treaties: number;
  /** Things that happened between factions since the summary before, changes of state among them. */
  happenings: number;
}

/** Two factions stand otherwise than before. */
export interface DiplomacyUpdate {
  /** One faction. */
  faction_a_id: string;
  /** The other. */
  faction_b_id: string;
  /** How they stand now. */
  new_relation_state: RelationState;
  /** Change of the score behind it, in hundredths, since the state before began: -15.5 is a score that fell by 0.155. */
  score_change: number;
  /** Why, in words. */
  reason: string;
}

/** How values are spread over those who have them. */
export interface Distribution {
  /** The mean. */
  mean: number;
  /** A tenth have less. */
  p10: number;
  /** A quarter have less. */
  p25: number;
  /** Half have less. */
  median: number;
  /** A quarter have more. */
  p75: number;
  /** A tenth have more. */
  p90: number;
  /** One in a hundred has more. */
  p99: number;
  /** Gini coefficient, 0 (all have the same) to 1 (one has everything). */
  gini: number;
}

/** What a district is for. */
export type DistrictKind = "homes" | "work" | "vendors" | "social" | "streets";

/** A part of the grid with a purpose. */
export interface DistrictSpec {
  /** What it is for. */
  kind: DistrictKind;
  /** Its first column. */
  x: number;
  /** Its first row. */
  y: number;
  /** Its columns. */
  width: number;
  /** Its rows. */
  height: number;
}

/** How love and trust move by themselves, each day. */
export interface DriftRules {
  /** Share of the way back to what love is by nature, for a faction of forgiveness 1. 0 to 1. */
  love?: number;
  /** By how much trust rises in peace and alliance. 0 to 1. */
  trustRise?: number;
  /** By how much trust falls in cold war and war. 0 to 1. */
  trustFall?: number;
  /** Up to where trust rises in peace. -1 to 1. */
  trustPeace?: number;
  /** Up to where trust rises in an alliance. -1 to 1. */
  trustAlliance?: number;
  /** Down to where trust falls in cold war and war. -1 to 1. */
  trustColdWar?: number;
  /** How far the goals of a pair that the file does not list make it love or hate each other by nature. 0 to 2. */
  nature?: number;
}

/** How the economy and diplomacy reach each other. Without an economy in the world it has no meaning. */
export interface EconomyLinkRules {
  /** Commodities of which armies are made: how much of them is made moves everybody's military power. */
  weapons?: string[];
  /** Days over which is averaged what is usual. 1 to 1,000. */
  usualDays?: number;
  /** By how much of itself a power moves at most, either way. 0 to 0.9. */
  reach?: number;
  /** Wars of which the economy hears at most, those of the strongest first; what they mean to it is multiplied. 0 to 16. */
  warsTold?: number;
  /** Alliances of which the economy hears at most, those of the strongest first. 0 to 16. */
  alliancesTold?: number;
  /** Hours for which the economy heeds it, unless it is told again. 1 to 720. */
  toldHours?: number;
}

/** How agents behave. */
export interface EconomyParameters {
  /** An agent spends its money over so many hours: the anchor of the price level. 5 to 1,000. */
  spendingHours?: number;
  /** An agent reviews its role once in so many hours, on average. 1 to 10,000. */
  reviewHours?: number;
  /** Probability of a change of role for each part by which another would earn more. 0 to 10. */
  reviewEagerness?: number;
  /** Hours over which flows of goods, prices and work are averaged for the review. 1 to 1,000. */
  flowHours?: number;
  /** Hours of needs that a pantry holds at usual prices. 1 to 200. */
  pantryHours?: number;
  /** Hours of inputs that a workshop holds at usual prices. 1 to 200. */
  inputHours?: number;
  /** Share of the gap in a stock that is ordered in an hour. 0.01 to 1. */
  restockShare?: number;
  /** Hours of output that a seller likes to have in stock. 1 to 200. */
  outputHours?: number;
  /** Hours of output at which a store is full and work stops. 2 to 1,000. */
  capacityHours?: number;
  /** Hours over which the usual price is averaged that stocks are measured against. 2 to 10,000. */
  usualPriceHours?: number;
  /** How far past its belief an agent quotes. 0 to 0.2. */
  quoteMargin?: number;
  /** Share of the usual wage below which nobody works or sells. 0 to 1. */
  reservationWage?: number;
  /** The least doubt in a belief: a first failure moves it by so much. 0.001 to 0.1. */
  doubtMin?: number;
  /** The most doubt in a belief: no failure moves it further. 0.01 to 0.5, not below the least. */
  doubtMax?: number;
  /** Factor by which each failure raises doubt. 1 to 3. */
  doubtGrowth?: number;
  /**
   * Share of a market's trend, the change of its price over three clearings, that traders expect to come on top: the
   * price that they learn lies so much further on. 0 to 1.
   */
  trendShare?: number;
  /**
   * Caution towards a market whose price jumps about: at a volatility v, the standard deviation of five clearings as
   * a share of the price, a step towards its price is 1 / (1 + v × caution) of what it is at rest. 0 to 100.
   */
  volatilityCaution?: number;
  /** Hours over which Smith's alpha of a market is measured. 1 to 1,000. */
  alphaHours?: number;
}

/** The economy of a world: what is traded, who makes it, and who lives from it. */
export interface EconomySpec {
  /** What is traded, in the order in which markets are cleared. 1 to 64. */
  commodities: CommoditySpec[];
  /** Trades that agents follow. 1 to 64; every commodity that anybody needs must be the output of one. */
  roles: RoleSpec[];
  /** Who takes part. */
  population?: PopulationSpec;
  /**
   * Market places, each with a market of its own for every commodity. 2 to 16, and no more than 256 markets together;
   * without any, all trade at one place.
   */
  places?: MarketPlaceSpec[];
  /** How the price of a trade is found. */
  clearing?: ClearingRule;
  /** What becomes of orders that find nobody. */
  orders?: OrdersSpec;
  /** How agents behave. */
  parameters?: EconomyParameters;
  /** Shocks that come by themselves, counted from the world's first hour. At most 32. */
  shocks?: ShockSpec[];
  /** What signals from outside mean. */
  signals?: SignalsSpec;
  /** What is remembered of each agent. */
  chronicle?: ChronicleSpec;
  /** Taxes, relief and wages of last resort; without it there are none. */
  treasury?: TreasurySpec | null;
}

/** What something that happens adds to love and trust. */
export interface EffectRules {
  /** To love. -2 to 2. */
  love?: number;
  /** To trust. -2 to 2. */
  trust?: number;
}

/** What is done to love and trust by what happens. */
export interface EffectsRules {
  /** A war is declared. */
  warDeclared?: EffectRules;
  /** A war ends: part of what it was about is settled. */
  warEnded?: EffectRules;
  /** An alliance is formed. */
  allianceFormed?: EffectRules;
  /** One betrays the other. */
  betrayal?: EffectRules;
  /** A treaty is signed. */
  treatySigned?: EffectRules;
  /** A treaty is broken. */
  treatyBroken?: EffectRules;
  /** A trade of strength 1 is made. */
  trade?: EffectRules;
  /** An incident of strength 1 happens; one of strength -1 does the opposite. */
  incident?: EffectRules;
}

/** What an activity does. */
export interface EffectsSpec {
  /** Energy in an hour, -100 to 100. */
  energyDeltaPerHour?: number | null;
  /** Mood in an hour. */
  moodImpact?: MoodSpec | null;
  /** When it ends: by NPC or role, axis by axis. */
  relationshipChanges?: Record<string, Record<string, number>>;
  /** When it ends: flags of the NPC, or of the world for keys that begin with `world.`. */
  flagsSet?: Record<string, unknown>;
  /** When it ends: effects that plugins know, by name, with their parameters. */
  customEffects?: Record<string, unknown>;
}

/** How a message wants to be handled on its way. */
export interface EventMetadata {
  /** low, normal, high or critical. */
  priority?: "low" | "normal" | "high" | "critical" | null;
  /** Time to live, such as `1h`. */
  ttl?: string | null;
  /** How often it was tried. */
  retry_count?: number | null;
  /** none, gzip, snappy or lz4. */
  compression?: "none" | "gzip" | "snappy" | "lz4" | null;
  /** Size in bytes. */
  size_bytes?: number | null;
}

/** How much of what happens is told: the share of the events, 0 to 1, that leave the world. */
export interface EventsSpec {
  /** An NPC does something else: without it all of the detailed and the active tier, and none of the others. */
  npcActivityChanged?: SharesSpec;
}

/** A faction. */
export interface FactionSpec {
  /** Its name on the wire: 1 to 64 of small letters, digits, `_` and `-`. */
  id: string;
  /** Its name for people; without it, its id. */
  name?: string;
  /** Its powers at first, to which it recovers. */
  powers: PowersSpec;
  /** What it strives for. */
  goals?: GoalsSpec;
  /** How it goes about it. */
  temperament?: TemperamentSpec;
  /**
   * Commodities of the world's economy that it lives from, and how much of its income comes from each: 0 to 1, and no
   * more than 1 together. What is made of them and what they bring moves its economic power.
   */
  livesFrom?: Record<string, number>;
}

export type GameInstant = string;

/** What a faction strives for; each 0 to 1. */
export interface GoalsSpec {
  /** Land: two that both want it are rivals by nature. */
  expansion?: number;
  /** Trade: two that both want it are partners by nature, and what happens between them is of that kind more often. */
  commerce?: number;
  /** Safety: how much it makes of a stronger neighbour. */
  security?: number;
}

/** A grid of cells; x goes from 0 to the width, y from 0 to the height. */
export interface GridSpec {
  /** Cells from west to east. 1 to 32,000. `CROWD_GRID_WIDTH` overrides it. */
  width?: number;
  /** Cells from north to south. 1 to 32,000. `CROWD_GRID_HEIGHT` overrides it. */
  height?: number;
  /**
   * Sectors one by one: together all cells, none of them twice. At most 256. Without any the grid is cut into
   * `sectorColumns` times `sectorRows` of them.
   */
  sectors?: SectorSpec[];
  /** Columns of sectors where none are listed. 1 to 256, and no more than cells. */
  sectorColumns?: number;
  /** Rows of sectors where none are listed. 1 to 256, and no more than cells. */
  sectorRows?: number;
  /** How the names of such sectors begin: `<prefix>_1` and on. 1 to 48 printable characters. */
  sectorPrefix?: string;
  /**
   * Districts one by one; what belongs to none is streets. At most 256. Without any they are laid out by the world's
   * seed, in blocks.
   */
  districts?: DistrictSpec[];
  /** Where food is sold. */
  vendors?: VendorsSpec;
  /** Places where people meet; without it one for 500 cells, and at least 3. 1 to 65,000. */
  socialSpots?: number | null;
}

/** What is remembered. */
export interface KeepingRules {
  /** What happened to a pair: the last so many. 1 to 200. */
  history?: number;
  /** What happened to all pairs together: the last so many. 1 to 1,000,000. */
  historyTotal?: number;
  /** Ids of incidents: one that is known does not happen again. 1 to 100,000. */
  incidentIds?: number;
  /** Treaties in force at once. 1 to 1,000,000. */
  treaties?: number;
  /**
   * Pairs whose standing is written to the database every day, if there are no more; of more pairs only those to which
   * something happened. 0 to 100,000.
   */
  storedPairs?: number;
}

/** A market was cleared. */
export interface MarketCleared {
  /** The commodity, as the world file names it. */
  commodity: string;
  /** Clearing price of one unit in major units of money; without trades, the last one. */
  price: number;
  /** Units traded. */
  volume: number;
  /** The market, `market-<commodity>`; in a world with several places `market-<place>-<commodity>`. */
  market_id: string;
  /** The market place, in a world with several. */
  place?: string | null;
  /** How often it is cleared. */
  period: MarketPeriod;
  /** Hour of the day in game time. */
  game_hour: number;
  /** Units wanted at the buyers' prices and not bought. */
  bids_unfilled?: number;
  /** Units offered at the sellers' prices and not sold. */
  asks_unfilled?: number;
  /** Share of the surplus that the orders' own limits allowed and that was realised, 0 to 1. */
  efficiency?: number | null;
  /** Money that changed hands, in major units. */
  turnover?: number;
  /** Change of the price over three clearings, as a share: 0.02 is two percent up. */
  trend?: number;
  /** Standard deviation of the price over the last five clearings, as a share of their mean. */
  volatility?: number;
  /** Highest price among the bids left, in major units. */
  best_bid?: number | null;
  /** Lowest price among the asks left, in major units. */
  best_ask?: number | null;
  /** How far these two lie apart, in major units. */
  spread?: number | null;
  /** Units that people needed in this hour. */
  needs_due?: number;
  /** Units of them that they had. */
  needs_met?: number;
  /** Smith's alpha: standard deviation of the prices paid over a window of hours, as a share of their mean. */
  alpha?: number | null;
  /** What the traders believe that a unit costs, in major units, when last counted. */
  beliefs?: Distribution | null;
  /** What the traders own, their goods at market prices included, in major units, when last counted. */
  wealth?: Distribution | null;
}

/** How often a market is cleared. */
export type MarketPeriod = "hourly" | "daily";

/** A market place. Each commodity has a market of its own there, `market-<place>-<commodity>`. */
export interface MarketPlaceSpec {
  /** Name, 1 to 32 of letters, digits and `_`. */
  name: string;
  /**
   * Share of the agents that begin there, and that there is room for: a place that is fuller is worth less to who
   * thinks of moving. The shares add up to 1. 0.01 to 1.
   */
  share: number;
  /** Factors on what an hour of work makes there, by role; 1 for those that are not named. 0.1 to 10. */
  yields?: Record<string, number>;
}

/** A shock from outside began or ended in an economy. */
export interface MarketShock {
  /** The shock's name. */
  shock_id: string;
  /** What happened to it. */
  phase: ShockPhase;
  /** Its kind. */
  kind: ShockKind;
  /** Where. */
  location: string;
  /** Who brought it. */
  cause: ShockCause;
  /** The market place where it acts, where it does not act everywhere. */
  place?: string | null;
  /** The commodity that it concerns, as the world file names it. */
  commodity?: string | null;
  /** The role that it concerns. */
  role?: string | null;
  /** What is multiplied by it. */
  factor?: number | null;
  /** Units an hour of a trader from outside. */
  quantity?: number | null;
  /** What a unit costs or brings there, in major units of money. */
  price?: number | null;
  /** Hours for which it was meant to last. */
  duration_hours: number;
  /** Why it ended. */
  reason?: ShockEnd | null;
}

/** A mood, or a change of it. */
export interface MoodSpec {
  /** From bad to good. */
  valence?: number;
  /** From calm to agitated. */
  arousal?: number;
}

/** How often one kind of move between tiers was made. */
export interface MoveCount {
  /** The tier that was left. */
  from: SimulationTier;
  /** The tier that was entered. */
  to: SimulationTier;
  /** Why. */
  reason: MoveReason;
  /** How often. */
  count: number;
}

/** Why an NPC moved between tiers. */
export type MoveReason = "default" | "rule" | "player_location" | "scene" | "story" | "pin" | "capacity";

/** Reasons of movements: a closed list. */
export type MovementReason = "economic_opportunity" | "safety_concerns" | "resource_availability" | "social_attraction" | "event_triggered";

/** Kinds of movements: a closed list. */
export type MovementType = "migration" | "temporary" | "commute" | "event_driven";

/** A tier under a name of its own. */
export interface NamedTierSpec {
  /** Its name. */
  id: string;
  /** Game seconds between two turns: up to 134 it is detailed, up to 520 active, up to 3,600 ambient, else dormant. */
  tickFrequencySeconds: number;
  /**
   * How closely it is simulated: `full`, `simplified` or `schedule_only`. It tells tiers apart that are simulated
   * equally often.
   */
  detailLevel?: DetailLevel | null;
}

/** An NPC does something else than before, or does it somewhere else. */
export interface NpcActivityChanged {
  /** The NPC's id, the same for as long as it lives. */
  npc_id: number;
  /** The name that it is known by; without one `npc-<npc_id>`. */
  name: string;
  /** What it did before; nothing where it did nothing. */
  from?: string | null;
  /** What it does now; nothing where nothing was possible. */
  to?: string | null;
  /** Where it is. */
  place: string;
  /** The tier in which it is simulated. */
  tier: SimulationTier;
  /** How it came to it. */
  reason: ActivityReason;
}

/** NPCs made in number. Lists are gone round in turn, so that equal numbers get each entry. */
export interface NpcGroupSpec {
  /** The first part of their names: `<name>-1`, `<name>-2`, …; without it they have no names. */
  name?: string | null;
  /** How many: 1 to 1,000,000. */
  count: number;
  /** Their routines. */
  routines: string[];
  /** Their preferences. */
  presets?: string[];
  /** Their homes. */
  homes: string[];
  /** Their places of work; without any, at home. */
  works?: string[];
  /** Their roles: each has all of them. */
  roles?: string[];
  /** Acquaintances of each within the group, drawn by chance: 0 to 16. */
  acquaintances?: number;
}

/** One NPC. */
export interface NpcSpec {
  /** The routine that it follows. */
  routine: string;
  /** Its preferences, from the presets. */
  preset?: string | null;
  /** Where it lives. */
  home: string;
  /** Where it works; without it, at home. */
  work?: string | null;
  /** Its roles. */
  roles?: string[];
  /** How it stands to others: NPC id, axis, 0 to 100. */
  relationships?: Record<string, Record<string, number>>;
  /** Energy at first, 0 to 100. */
  energy?: number | null;
}

/** An NPC has moved into another tier. */
export interface NpcTierChanged {
  /** Stable id of the NPC. */
  npc_id: number;
  /** Its name; without one `npc-<id>`. */
  name: string;
  /** The tier that it was in. */
  from: SimulationTier;
  /** The tier that it is in. */
  to: SimulationTier;
  /** Why it moved. */
  reason: MoveReason;
  /** The priority of its wish. */
  priority: number;
}

/** Places and people. */
export interface NpcsSpec {
  /** Where NPCs can be, by id. At most 65,535. */
  places?: Record<string, PlaceSpec>;
  /** Roles that NPCs can have: at most 32. */
  roles?: string[];
  /** NPCs that are written out one by one, by id. */
  individuals?: Record<string, NpcSpec>;
  /** NPCs that are made in number, in this order. */
  groups?: NpcGroupSpec[];
  /** Sessions that may run at once: 0 to 10,000. */
  maxSessions?: number;
}

/** How orders live. */
export interface OrdersSpec {
  /** What becomes of what is not filled. */
  unfilled?: Unfilled;
  /** Hours for which it rests. 1 to 720. */
  restHours?: number;
}

/** One value for each tier. */
export interface PerTier {
  /** Of the detailed tier. */
  detailed: TierState;
  /** Of the active tier. */
  active: TierState;
  /** Of the ambient tier. */
  ambient: TierState;
  /** Of the dormant tier. */
  dormant: TierState;
}

/** One value for each tier. */
export interface PerTier2 {
  /** Of the detailed tier. */
  detailed: number;
  /** Of the active tier. */
  active: number;
  /** Of the ambient tier. */
  ambient: number;
  /** Of the dormant tier. */
  dormant: number;
}

/** One value for each tier. */
export interface PerTier3 {
  /** Of the detailed tier. */
  detailed: number[];
  /** Of the active tier. */
  active: number[];
  /** Of the ambient tier. */
  ambient: number[];
  /** Of the dormant tier. */
  dormant: number[];
}

/** A place. */
export interface PlaceSpec {
  /** For people. */
  name?: string;
  /** The district that it is in: NPCs prefer places in the district where they are. */
  district?: string;
  /** Its types: home, work, bar, market, … */
  locationTypes?: string[];
}

/** People moved from one place to another. */
export interface PopulationMovement {
  /** Where they came from. */
  from_location: string;
  /** Where they went. */
  to_location: string;
  /** What kind of movement it is. */
  movement_type: MovementType;
  /** How many moved. */
  agent_count: number;
  /** Why. */
  reason?: MovementReason | null;
  /** For how long. */
  estimated_duration_hours?: number | null;
}

/** Who takes part. */
export interface PopulationSpec {
  /** Agents. 2 to 1,000,000. */
  count?: number;
  /** Money that each begins with, in minor units. 1 to 1,000,000,000. */
  moneyPerHead?: number;
  /**
   * How far the money at first goes apart: evenly from `moneyPerHead` less this share of it to as much more. What all
   * have together stays the same. 0 to 1.
   */
  moneySpread?: number;
  /** Hours for which each begins with stocks of what it needs and uses. 0 to 200. */
  initialStockHours?: number;
  /** First beliefs are the initial prices times this: a test of how a world finds its prices. 0.01 to 100. */
  beliefFactor?: number;
  /** Output of an agent against the recipe's, spread evenly. Within 0.1 to 10. */
  skill?: Range;
  /** 0 to 1: offers more of a stock at once. */
  riskTolerance?: Range;
  /** 0 to 1: quotes further past its belief, to trade at once. */
  impatience?: Range;
  /** 0 to 1: follows the market when it has no experience of its own. */
  socialInfluence?: Range;
  /** 0.01 to 1: how far one trade moves a belief towards the market price. */
  learningRate?: Range;
  /** Who goes broke changes its role or leaves, and newcomers arrive; without it the agents stay the same. */
  renewal?: RenewalSpec | null;
  /**
   * Units of all commodities together that an agent has room for: with full stocks it buys nothing, and works only
   * where that uses inputs up. Without it there is no limit. 1 to 1,000,000.
   */
  capacity?: number | null;
  /** From where the agents come. */
  from?: AgentSource;
  /** CSV file of agents, from the folder of the world file: read with it, as if they were listed in `agents`. */
  agentsFile?: string | null;
  /**
   * Agents one by one; with them `count`, `moneyPerHead`, `moneySpread`, `initialStockHours` and the counts and shares
   * of roles have no meaning. 2 to 20,000.
   */
  agents?: AgentSpec[];
}

/** Weights of the five kinds of power in a faction's power. They add up to 1. */
export interface PowerWeights {
  /** Of military power. 0 to 1. */
  military?: number;
  /** Of economic strength. 0 to 1. */
  economy?: number;
  /** Of territory. 0 to 1. */
  territory?: number;
  /** Of technology. 0 to 1. */
  technology?: number;
  /** Of morale. 0 to 1. */
  morale?: number;
}

/** The five kinds of power. */
export interface PowersSpec {
  /** Military power. 0 to 100. */
  military: number;
  /** Economic strength; without it, 0.8 of the military power. 0 to 100. */
  economy?: number | null;
  /** Territory; without it, 0.6 of the military power. 0 to 100. */
  territory?: number | null;
  /** Technology; without it, 0.7 of the military power. 0 to 100. */
  technology?: number | null;
  /** Morale; without it, 0.7 and 0.03 for each point of military power, 1 at most. 0 to 1. */
  morale?: number | null;
}

/** What somebody likes. What is not said falls to the next of the cascade: session, NPC, routine. */
export interface PreferencesSpec {
  /** By activity, 0 to 1; 0.5 is neutral. */
  activityWeights?: Record<string, number>;
  /** By category, 0 to 1; 0.5 is neutral. */
  categoryWeights?: Record<string, number>;
  /** By trait (extraversion, conscientiousness, openness, agreeableness, neuroticism), 0 to 100; 50 is neutral. */
  traitModifiers?: Record<string, number>;
  /** Places it goes to first. */
  favoriteLocations?: string[];
  /** Whom it likes to be with. */
  preferredNpcIdsOrRoles?: string[];
  /** Whom it keeps away from. */
  avoidedNpcIdsOrRoles?: string[];
  /** At its best in the morning. */
  morningPerson?: boolean | null;
  /** At its best at night. */
  nightOwl?: boolean | null;
}

/** An activity that may be chosen at a node. */
export interface PreferredActivitySpec {
  /** The activity. */
  activityId: string;
  /** Its weight here, 0 to 10. */
  weight?: number;
  /** All of these must hold. */
  conditions?: ConditionSpec[];
}

/** One set of preferences. */
export interface PresetSpec {
  /** Its id again. */
  id?: string | null;
  /** For people. */
  name?: string | null;
  /** The preferences. */
  preferences?: PreferencesSpec;
  /** For people and tools. */
  tags?: string[];
}

/** Sets that NPCs refer to. */
export interface PresetsSpec {
  /** Preferences by id. */
  npcPreferences?: Record<string, PresetSpec>;
}

/** A rule that puts NPCs into a tier. */
export interface PriorityRuleSpec {
  /** What must hold. */
  condition: ConditionSpec;
  /** A tier: one of the four, or a name from `tiers`. */
  tier: string;
  /** The highest wins. -1,000 to 1,000. */
  priority: number;
}

/** A range that values are drawn from, evenly. */
export interface Range {
  /** The least. */
  min: number;
  /** The most. */
  max: number;
}

/** How two factions stand at first. */
export interface RelationSpec {
  /** The two. */
  between: string[];
  /** Love: what it is by nature, to which it goes back. -1 to 1. */
  love?: number;
  /** Trust at first. -1 to 1. */
  trust?: number;
  /** Their state at first; without it, what the score says. */
  state?: RelationState | null;
}

/** How two factions stand. */
export type RelationState = "WAR" | "COLD_WAR" | "PEACE" | "ALLIANCE";

/** Help for who missed meals. */
export interface ReliefSpec {
  /** Only for those with less money than that, in minor units. 1 to 1,000,000,000. */
  below: number;
  /** For each unit that was needed and not there in the last hour, in minor units. 1 to 1,000,000. */
  amount: number;
}

/** Who goes broke changes to the role that earns most, or leaves; newcomers arrive. Without it the same agents stay. */
export interface RenewalSpec {
  /** Agents below which nobody leaves, and up to which newcomers arrive at once. 2 to 1,000,000; not above the count. */
  minimum: number;
  /** Agents at which nobody arrives any more. 2 to 1,000,000; not below the count. */
  maximum: number;
  /** Who has less money than that is broke, in minor units. 1 to 1,000,000,000. */
  brokeBelow: number;
  /**
   * Hours in a row after which who is broke changes its role; as many again in that role, and it leaves. 1 to
   * 10,000.
   */
  brokeHours?: number;
  /** Newcomers in a day, on average. 0 to 10,000. */
  arrivalsPerDay?: number;
  /** Money that a newcomer brings, in minor units: money that was not there before. 1 to 1,000,000,000. */
  newcomerMoney: number;
}

/** What must hold for an NPC to choose an activity. What is not said does not matter. */
export interface RequirementsSpec {
  /** There must be a place of one of these types where the NPC can go; it goes there. */
  locationTypes?: string[];
  /** Energy at least. */
  minEnergy?: number | null;
  /** Energy at most. */
  maxEnergy?: number | null;
  /** It must be one of these times of day. */
  timeOfDay?: TimeOfDay[];
  /** It must be in one of these moods. */
  moodTags?: string[];
  /** All of these NPCs, or somebody of each of these roles, must be where it is done. */
  requiredNpcRolesOrIds?: string[];
  /** All of these must hold. */
  conditions?: ConditionSpec[];
}

/** A trade that agents follow: an hour of work turns inputs into output, and wears out tools. */
export interface RoleSpec {
  /** Name, 1 to 32 of letters, digits and `_`. */
  name: string;
  /** The commodity that it makes. */
  output: string;
  /** Units made in an hour with all inputs, by an agent of skill 1. Parts of a unit are a chance. 0.01 to 1,000. */
  quantity: number;
  /** Units of each commodity used up in an hour; parts of a unit are a chance. 0.001 to 1,000. */
  inputs?: Record<string, number>;
  /**
   * Tools that must be at hand, one of each, and the chance that an hour's work of an agent of skill 1 wears it out.
   * 0.0001 to 1.
   */
  tools?: Record<string, number>;
  /** Units of other commodities that an hour's success yields as well; parts of a unit are a chance. 0.001 to 1,000. */
  byProducts?: Record<string, number>;
  /** Probability that an hour's work succeeds; inputs are used up and tools worn either way. 0.01 to 1. */
  chance?: number;
  /** Units of the output made in an hour at most, whatever the skill; without it there is no limit. 1 to 1,000,000. */
  hourlyMax?: number | null;
  /** Units of the output that the store takes: full, work stops. 1 to 1,000,000. `capacityHours` holds as well. */
  storeMax?: number | null;
  /** Money lost in an hour in which inputs or tools are missing, in minor units, as far as it goes. 0 to 1,000,000. */
  idleCost?: number;
  /**
   * Share of the quantity that is made where inputs are missing: what keeps a starving economy from locking up.
   * 0 to 0.9.
   */
  subsistence?: number;
  /** Agents that begin in this role. */
  count?: number | null;
  /**
   * Share of the agents without a counted role that begin in this role; the shares add up to 1. With neither
   * counts nor shares the roles begin as the recipes imply.
   */
  share?: number | null;
}

/** An edge of a routine. */
export interface RoutineEdgeSpec {
  /** Its id, for people. */
  id?: string | null;
  /** The node that it leaves. */
  from: string;
  /** The node that it enters. */
  to: string;
  /** All of these must hold for it to be followed. */
  conditions?: ConditionSpec[];
  /** Its weight among those whose conditions hold, 0 to 10. */
  weight?: number;
}

/** A node of a routine. */
export interface RoutineNodeSpec {
  /** Its id, once in the routine. */
  id: string;
  /**
   * What it is: a way begins at the time slots that hold, follows edges over decisions, and ends at activity nodes.
   * Edges into time slots are for people: the clock alone enters them. A routine without time slots begins at the
   * nodes that no edge leads to.
   */
  nodeType: RoutineNodeType;
  /** When it holds; a time slot must have one, other nodes may. */
  timeRangeSeconds?: TimeRangeSpec | null;
  /** Of a decision: what must hold for it to be entered. */
  decisionConditions?: ConditionSpec[];
  /** What may be chosen here. */
  preferredActivities?: PreferredActivitySpec[];
  /** For people and tools. */
  meta?: unknown;
}

/** What a node of a routine is. */
export type RoutineNodeType = "time_slot" | "decision" | "activity";

/** How a day goes: a graph of nodes. */
export interface RoutineSpec {
  /** Version of the entry, for people. */
  version?: number | null;
  /** Its id again. */
  id?: string;
  /** For people. */
  name?: string;
  /** Its nodes. */
  nodes: RoutineNodeSpec[];
  /** Its edges, followed from time slots and decisions in their order. */
  edges?: RoutineEdgeSpec[];
  /** Preferences of everybody who follows it. */
  defaultPreferences?: PreferencesSpec | null;
  /** For people and tools. */
  meta?: unknown;
}

/** Which rules a crowd begins from. */
export type RulePreset = "city" | "originals";

/**
 * How a crowd lives. Needs are 0 to 100, changes are those of one step, amounts are in minor units. What is left out is
 * as the preset has it.
 */
export interface RulesSpec {
  /** Where the values come from that are not given. */
  preset?: RulePreset;
  /** By how much hunger rises. Within 0 to 100. */
  hungerRise?: Range | null;
  /** Above this hunger an agent goes for food. 0 to 100. */
  hungryAt?: number | null;
  /** By how much a meal lowers hunger. Within 0 to 100. */
  mealRelief?: Range | null;
  /** What a meal costs where no market says. Within 1 to 1,000,000. */
  mealPrice?: AmountRange | null;
  /** Above this social drive an agent may post. 0 to 100. */
  postAt?: number | null;
  /** Chance that it then does. 0 to 1. */
  postChance?: number | null;
  /** Chance that an agent with nothing else to do walks. 0 to 1. */
  walkChance?: number | null;
  /** Money that agents begin with. Within 0 to 1,000,000,000. */
  money?: AmountRange | null;
  /**
   * Money above which somebody spends more than a meal costs: with each meal an eighth of what is above it, which is
   * what keeps money going round. 0 to 1,000,000,000.
   */
  comfort?: number | null;
  /** Wage of a step at work, as far as the employers' money goes. 0 to 1,000,000. */
  wage?: number | null;
  /** Hours of a working day. 0 to 16. */
  workHours?: number | null;
  /** Cells that an agent goes in a step when it knows where to. 1 to 127. */
  stride?: number | null;
  /** Chance that an agent at leisure looks for somebody to trade with. 0 to 1. */
  tradeChance?: number | null;
  /** What a thing costs that two agents trade. 1 to 1,000,000. */
  tradePrice?: number | null;
}

/** How the scheduler of a world does: what changes from step to step. */
export interface SchedulerState {
  /** Tier by tier. */
  tiers: PerTier;
  /** Turns that one step may have. */
  budget: number;
  /** Sessions that run. */
  sessions: number;
  /** Entries of focus. */
  focusEntries: number;
  /** NPCs that are pinned. */
  pinned: number;
  /** What the steps of the last input did. */
  last: StepSummary;
  /** Moves between tiers since the world began. */
  moves: MoveCount[];
}

/** How the score of a pair is made of love, trust, treaties, fear and weariness. */
export interface ScoreRules {
  /** Weight of trust. 0 to 1. */
  trust?: number;
  /** What hatred counts beside love below 0: half as much again. 0 to 1. */
  hate?: number;
  /** Weight of fear. 0 to 2. */
  fear?: number;
  /** A faction is feared from so many times the power of the other on. 1 to 10. */
  fearFrom?: number;
  /** Fear for each part by which the power of the other exceeds one's own. 0 to 1. */
  fearSlope?: number;
  /** Weight of the exhaustion of both: it ends wars, and keeps new ones from beginning. 0 to 2. */
  weariness?: number;
  /** The day's mood: evenly between minus and plus this. 0 to 0.5. */
  noise?: number;
}

/** How activities are weighed. */
export interface ScoringSpec {
  /** Version of the entry, for people. */
  version?: number | null;
  /** The weights of the eight factors, and those of a developer's own by name. */
  weights?: WeightsSpec;
}

/** A part of the grid that is reported on. */
export interface SectorSpec {
  /** Its name, 1 to 64 printable characters, unlike those of the others. */
  name: string;
  /** Its first column. */
  x: number;
  /** Its first row. */
  y: number;
  /** Its columns. */
  width: number;
  /** Its rows. */
  height: number;
}

/** A share for each tier, 0 to 1. */
export interface SharesSpec {
  /** Of NPCs in the detailed tier. */
  detailed?: number;
  /** Of NPCs in the active tier. */
  active?: number;
  /** Of NPCs in the ambient tier. */
  ambient?: number;
  /** Of NPCs in the dormant tier. */
  dormant?: number;
}

/** Who brought it. */
export type ShockCause = "world_file" | "command";

/** Why a shock ended. */
export type ShockEnd = "ran_out" | "ended" | "out_of_bounds";

/** Kinds of shocks. */
export type ShockKind = "yield" | "need" | "demand" | "money" | "role_vanished" | "import" | "export";

/** What happened to a shock. */
export type ShockPhase = "started" | "ended";

/** A shock: something from outside that changes the economy for a while. */
export interface ShockSpec {
  /** Its name, 1 to 64 of small letters, digits and `-`; without one, `shock-<number>`. */
  id?: string | null;
  /** Its kind. */
  kind: ShockKind;
  /** The commodity: for `need`, `demand`, `import` and `export`; for `yield` it or `role`. */
  commodity?: string | null;
  /** The market place where it acts; without it, everywhere. For all kinds but `money`. */
  place?: string | null;
  /** The role: for `role_vanished`; for `yield` it or `commodity`. */
  role?: string | null;
  /** What is multiplied by it: 0 to 10 for `yield`, `need` and `demand`, 0.1 to 10 for `money`. */
  factor?: number | null;
  /** Units an hour, for `import` and `export`. 1 to 1,000,000. */
  quantity?: number | null;
  /** Minor units that a unit costs or brings, for `import` and `export`. 1 to 4,000,000. */
  price?: number | null;
  /**
   * In how many of the economy's hours it starts: from now, or from the world's beginning if it stands in its file.
   * 0 to 87,600.
   */
  startsInHours?: number;
  /** For how many hours it lasts, 1 to 8,760; for all kinds but `money`, which happens once and stays. */
  durationHours?: number | null;
}

/** What a signal does while it lasts. A signal without any effect is refused when it comes. */
export interface SignalEffectSpec {
  /** Factors on needs, by commodity. 0 to 10. */
  need?: Record<string, number>;
  /** Factors on the weight in what people spend beyond their needs, by commodity. 0 to 10. */
  demand?: Record<string, number>;
  /** Factor on the quantities of all trade from outside. 0 to 10. */
  trade?: number | null;
}

/** What signals from outside mean to this economy. */
export interface SignalsSpec {
  /** Commodities whose need follows the crowd's demand for food; without any, those whose `signal` is `food`. */
  foodDemand?: string[];
  /** What war between two factions does. */
  war?: SignalEffectSpec;
  /** What an alliance of two factions does. */
  alliance?: SignalEffectSpec;
}

/** How closely an NPC is simulated. Ordered from the closest to the coarsest. */
export type SimulationTier = "detailed" | "active" | "ambient" | "dormant";

/** Something that spreads among people. */
export interface SocialTrend {
  /** What kind of thing. */
  trend_type: TrendType;
  /** Where. */
  location: string;
  /** How strong, 0 to 100. */
  trend_strength: number;
  /** What it is about. */
  topic?: string | null;
  /** How many take part. */
  agent_participation_count?: number | null;
  /** New participants for each one, an hour. */
  spread_rate?: number | null;
  /** For how long. */
  estimated_duration_hours?: number | null;
}

/** Scores at which states are entered and left, and days of game time that they last at least. */
export interface StateRules {
  /** War is entered below. -2 to 2. */
  warEnter?: number;
  /** War is left above. -2 to 2. */
  warLeave?: number;
  /** Cold war is entered below. -2 to 2. */
  coldWarEnter?: number;
  /** Cold war is left above. -2 to 2. */
  coldWarLeave?: number;
  /** An alliance is entered above. -2 to 2. */
  allianceEnter?: number;
  /** An alliance is left below. -2 to 2. */
  allianceLeave?: number;
  /** Days that a war lasts at least. 0 to 3,650. */
  warLeastDays?: number;
  /** Days that any other state lasts at least, a declared war and a betrayal apart. 0 to 3,650. */
  otherLeastDays?: number;
}

/** Sums over a window. */
export interface StatsMetrics {
  /** Actions of all agents: of traders orders of which at least a part was filled, of a crowd everything but idling. */
  total_agent_actions?: number | null;
  /** Agents that did any. */
  unique_agents?: number | null;
  /** Actions of an agent, on average. */
  average_actions_per_agent?: number | null;
  /** Trades: with each other and with traders from outside; of a crowd its meals and the things that it trades. */
  total_transactions?: number | null;
  /** Money that changed hands, in major units. */
  total_transaction_volume?: number | null;
}

/** What is summed. */
export type StatsType = "hourly_summary" | "daily_summary" | "agent_behavior" | "economic_activity" | "social_interactions";

/** What the steps of one input did. */
export interface StepSummary {
  /** WorldSteps. */
  steps: number;
  /** Turns that NPCs had. */
  turns: PerTier2;
  /** Turns that had to wait for a later step, each once a step. */
  deferred: PerTier2;
  /**
   * By the limit that made something wait: turns for `maxNpcTicksPerStep`; for `movesPerStep` (20,000) the steps after
   * which NPCs were still to be moved to another tier.
   */
  deferredBy: Record<string, number>;
  /** Why turns and moves had to wait; nothing when none had to. */
  why?: string | null;
  /** Upper bounds of the buckets of lateness in game seconds; one more bucket holds what is later. */
  latenessBounds: number[];
  /** Turns by how late they were. */
  lateness: PerTier3;
  /** Moves between tiers. */
  moves: MoveCount[];
  /** Focus entries that ran out. */
  focusEnded: number;
}

/** What a crowd tells. What is more than its bounds allow is told in sums, and nothing is left out of those. */
export interface TellingSpec {
  /**
   * Signals (`crowd_signal`) of a tick that are told by sectors; of more, each kind of each window is told once for the
   * whole crowd. 0 to 10,000; 0 tells none.
   */
  signals?: number;
  /** Whether the hours and days of each sector are summed up (`aggregated_stats`). */
  stats?: boolean;
  /**
   * Movements of a tick (`population_movement`) that are told by the two sectors; what is left is told once for each
   * kind. 0 to 1,000; 0 tells none.
   */
  movements?: number;
  /** Agents from which on a movement is told by its sectors. 1 to 1,000,000. */
  movementAgents?: number;
  /** Agents of each step, drawn by chance, of whom it is told what they did (`agent_action`). 0 to 100. */
  actionSamples?: number;
  /** Trends that spread at the same time (`social_trend`). 0 to 64; 0 tells none. */
  trends?: number;
  /** Agents that a trend takes hold of at most. 10 to 100,000. */
  trendAgents?: number;
}

/** How a faction goes about what it wants; each 0 to 1. */
export interface TemperamentSpec {
  /** How often what it does to others is hostile. */
  aggression?: number;
  /** How seldom it betrays an ally. */
  loyalty?: number;
  /** How fast its love and hatred go back to what they are by nature. */
  forgiveness?: number;
}

/** The tick itself. */
export interface TickData {
  /** Id of the tick: a repetition bears the same. */
  tick_id: string;
  /** Hourly or daily. */
  tick_type: TickType;
  /** Hour of the day, 0 to 23; required for an hourly tick. */
  game_hour?: number | null;
  /** Number of the day, from 1; required for a daily tick. */
  game_day?: number | null;
  /** The game time that it stands for. This rules; hour, day and calendar fields are not checked against it. */
  game_time: GameInstant;
  /** When the tick was made (wall time). */
  tick_timestamp: GameInstant;
  /** Who made it. */
  triggered_by?: TriggeredBy | null;
  /** Names of services that are expected to take it. */
  consumers?: string[] | null;
  /** Calendar fields. */
  metadata?: TickMetadata | null;
}

/** Event types of tick messages. */
export type TickEventType = "world.tick.hourly" | "world.tick.daily" | "world.tick.game_hour" | "world.tick.game_day";

/**
 * A tick message: the base event's fields and the tick's own under `data`.
 *
 * Fields that it does not know are let through. Instants are RFC 3339.
 */
export interface TickMessage {
  /** Id of this message. */
  event_id: string;
  /** Which tick it is. */
  event_type: TickEventType;
  /** When the message was made (wall time). */
  timestamp: GameInstant;
  /** Version of the message's shape. */
  version: string;
  /** Who sends it, such as `simulation.ticker`. */
  source: string;
  /** The world that it is for; without it, every world. */
  world_id?: WorldId | null;
  /** The incarnation of the world that asked for this tick of its own. */
  incarnation?: string | null;
  /** Id that ties messages together. */
  correlation_id?: string | null;
  /** The tick. */
  data: TickData;
  /** How the message wants to be handled on its way. */
  metadata?: EventMetadata | null;
  /** At most ten words. */
  tags?: string[] | null;
  /** Id of a trace. */
  trace_id?: string | null;
}

/** Calendar fields of a tick, counted by whoever made it. */
export interface TickMetadata {
  /** Day of the simulation, from 1. */
  simulation_day?: number | null;
  /** Week of the simulation, from 1. */
  simulation_week?: number | null;
  /** Month of the simulation, from 1. */
  simulation_month?: number | null;
  /** Year, 2020 to 2099; left out beyond. */
  simulation_year?: number | null;
  /** spring, summer, autumn or winter. */
  season?: "spring" | "summer" | "autumn" | "winter" | null;
}

/** Hourly or daily work; game_hour and game_day are other names for the same. */
export type TickType = "hourly" | "daily" | "game_hour" | "game_day";

/** Who belongs to which tier. */
export interface TierRulesSpec {
  /** Version of the entry, for people. */
  version?: number | null;
  /**
   * Tiers with names of their own, mapped to the four by how often they are simulated; those equally often by their
   * levels of detail. How often the four are due is said in `meta.simulation`.
   */
  tiers?: NamedTierSpec[];
  /** Rules; the one with the highest priority whose condition holds decides. */
  priorityRules?: PriorityRuleSpec[];
  /** The tier of an NPC for which no rule holds; without it ambient. */
  defaultTier?: string | null;
  /** Taken over into `maxNpcTicksPerStep` where a world is imported; in a world file it has no effect. */
  maxNpcsPerTick?: number | null;
}

/** One tier. */
export interface TierSpec {
  /** NPCs that it holds at most; who does not fit falls into the next coarser tier. 0 to 10,000,000. */
  maxNpcs: number;
  /**
   * Game seconds between two turns of an NPC: 1 to 604,800. Without it 60 for detailed, 300 for active, 900 for
   * ambient, 14,400 for dormant.
   */
  tickFrequencySeconds?: number | null;
  /**
   * Share of the turns of a step that this tier has for sure while it has work; what it does not use the others
   * take. The shares of all tiers are weighed against each other. 1 to 1,000. Without it 40 for detailed, 30 for
   * active, 20 for ambient, 10 for dormant.
   */
  share?: number | null;
}

/** How one tier does. */
export interface TierState {
  /** NPCs in it. */
  npcs: number;
  /** NPCs that it may hold. */
  maxNpcs: number;
  /** NPCs whose turn is due and who wait for a later step. */
  waiting: number;
  /** Game seconds between two turns of an NPC. */
  intervalSeconds: number;
  /** Its share of the turns, weighed against those of the others. */
  share: number;
  /** What it has earned and not spent; a turn that is its for sure costs the sum of all shares. */
  credits: number;
  /**
   * In this many steps at the latest an NPC has its turn, counted from the first step in which it is in this tier and
   * due: who changes tiers while it waits is counted anew from when it comes. Whoever comes into the tier meanwhile
   * and is more overdue counts as if it had been there from the beginning.
   */
  longestWaitSteps: number;
}

/** The four tiers; all must be there. */
export interface TiersSpec {
  /** NPCs near a player or critical to a scene. */
  detailed: TierSpec;
  /** NPCs relevant to a session or a story. */
  active: TierSpec;
  /** NPCs in nobody's focus. */
  ambient: TierSpec;
  /** NPCs that are not simulated until their slot comes. */
  dormant: TierSpec;
}

/** A part of the day. */
export type TimeOfDay = "morning" | "afternoon" | "evening" | "night";

/** A part of the day in seconds since midnight; an end before the start passes midnight. */
export interface TimeRangeSpec {
  /** The first second, 0 to 86,400. */
  start: number;
  /** The second after the last, 0 to 86,400. */
  end: number;
}

/** Public money: taxes, relief and wages of last resort. It pays no more than it has. */
export interface TreasurySpec {
  /** Money that it begins with, in minor units. 0 to 1,000,000,000,000. */
  initialMoney?: number;
  /** Share of what a seller receives. 0 to 0.5. */
  salesTax?: number;
  /** Share of what a trader earns in an hour: what it sold less the inputs that it bought. 0 to 0.5. */
  incomeTax?: number;
  /** Share of a trader's money above what is exempt, once in 24 hours. 0 to 0.5. */
  wealthTax?: number;
  /** Money that the wealth tax leaves alone, in minor units. 0 to 1,000,000,000,000. */
  wealthExemption?: number;
  /** Help for who missed meals. */
  relief?: ReliefSpec | null;
  /** Wages of last resort for who finds little to do. */
  wages?: WagesSpec | null;
}

/** What a treaty is about. A pair has at most one of each kind. */
export type TreatyKind = "alliance" | "trade" | "non_aggression" | "truce";

/** What treaties in force add to love; each kind once. */
export interface TreatyRules {
  /** An alliance. 0 to 1. */
  alliance?: number;
  /** Trade. 0 to 1. */
  trade?: number;
  /** Non-aggression. 0 to 1. */
  nonAggression?: number;
  /** Days for which a truce holds after a war that ends without a signed one: no new one begins. 0 to 3,650. */
  truceDays?: number;
}

/** A treaty between two factions. */
export interface TreatySpec {
  /** The two. */
  between: string[];
  /** What it is about. */
  kind: TreatyKind;
  /** Game time from which it holds; without it, from the beginning. */
  begins?: GameInstant | null;
  /** Game time at which it ends; it or `days`. */
  ends?: GameInstant | null;
  /** Days of game time that it holds, from its beginning; it or `ends`. 1 to 36,500. */
  days?: number | null;
}

/** Kinds of trends: a closed list. */
export type TrendType = "rumor" | "social_movement" | "cultural_shift" | "public_opinion" | "viral_content";

/** Who made a tick. */
export type TriggeredBy = "scheduler" | "manual" | "system";

/** What becomes of the part of an order that found nobody. */
export type Unfilled = "lapse" | "rest";

/** A value that is another one now. */
export interface ValueChange {
  /** Where: a JSON pointer into the block `meta.simulation`, such as `/timeScale`. */
  pointer: string;
  /** What it was; null where it was not given. */
  from: unknown;
  /** What it is; null where it is not given any more. */
  to: unknown;
}

/** Where food is sold. */
export interface VendorsSpec {
  /** How many there are; without it one for 200 cells, and at least 5. 1 to 4,000,000, and no more than cells. */
  count?: number | null;
  /**
   * Meals that each has room for; it is filled up from the market after each hour. Without it nothing ever sells out.
   * 1 to 60,000.
   */
  stock?: number | null;
  /**
   * Commodity of the world's economy that meals are made of: its price is what a meal costs, and what is eaten is felt
   * there as demand. Without it, or without an economy, a meal costs what the rules say.
   */
  commodity?: string | null;
}

/** Wages of last resort. */
export interface WagesSpec {
  /** Only for those with less money than that, in minor units. 1 to 1,000,000,000. */
  below: number;
  /** Only for those whose output of late was less than this share of what their skill allows. 0 to 1. */
  utilisationBelow: number;
  /** For an hour, in minor units. 1 to 1,000,000. */
  amount: number;
}

/** The weights of the scoring factors, 0 to 10 each. */
export interface WeightsSpec {
  baseWeight?: number;
  activityPreference?: number;
  categoryPreference?: number;
  traitModifier?: number;
  moodCompatibility?: number;
  relationshipBonus?: number;
  urgency?: number;
  inertia?: number;
  /** Weights of factors that plugins have registered, by name. */
  custom?: Record<string, number>;
}

/**
 * A command to a world, on the topic `world.command`. Its key is the world's id.
 *
 * Fields that it does not know are let through.
 */
export interface WorldCommand {
  /** Id of the command: sent twice to a world, it is carried out once. */
  command_id: string;
  /**
   * What to do: `world.register`, `world.unregister`, `world.pause`, `world.resume`, `world.step`, `world.tick`,
   * `world.configure`, or the name of a command that a plugin takes.
   */
  command: string;
  /** The world. */
  world_id: WorldId;
  /** Who gives it. */
  issued_by: string;
  /** When it was given (wall time). */
  issued_at: GameInstant;
  /** What it needs to know. */
  payload?: Record<string, unknown>;
}

/** What became of a command, on the topic `world.command.result` under the key of the command's world. */
export interface WorldCommandResult {
  /** Id of the command. */
  command_id: string;
  /** The command. */
  command: string;
  /** Its world. */
  world_id: WorldId;
  /** What became of it. */
  outcome: CommandOutcome;
  /** What it came to. */
  answer?: unknown;
  /** Why it was refused. */
  error?: string | null;
  /** Everything that is wrong with it, place by place, where that can be said. */
  errors?: CommandErrorDetail[];
  /** The world's time afterwards. */
  game_time?: GameInstant | null;
}

/** A world is simulated otherwise from its next step on. */
export interface WorldConfigChanged {
  /** Who changed it. */
  by: string;
  /** What is different now, in the order of the pointers. */
  changes: ValueChange[];
}

/** A world as its file describes it. A resource of the world; it never changes while the world lives. */
export interface WorldFile {
  /** Name of the world. */
  id: WorldId;
  /** What it is, for people. */
  description?: string;
  /** Seed of all random draws: another seed, another history. */
  seed?: number;
  /** What drives the clock. */
  clock?: ClockSource;
  /** The first instant of game time. A world driven by `ticks` begins with its first tick instead. */
  startsAt?: GameInstant;
  /** What is said about the world, the simulation block among it. */
  meta?: WorldMeta;
  /** The economy; without it the world has none. */
  economy?: EconomySpec | null;
  /** Factions and how they stand to each other; without it the world has none. */
  diplomacy?: DiplomacySpec | null;
  /** How NPCs behave; without it nobody does anything. */
  behaviour?: BehaviourSpec | null;
  /** Places and people; without it the world begins with nobody. */
  npcs?: NpcsSpec | null;
  /** A crowd on a grid; without it the world has none. */
  crowd?: CrowdSpec | null;
  /** Sections of other plugins, by the plugin's name; the plugin checks its own. */
  plugins?: Record<string, unknown>;
}

export type WorldId = string;

/** What is said about a world. */
export interface WorldMeta {
  /** How it is simulated. */
  simulation?: WorldSimulationConfig;
}

/** A world's time stands still from now on. */
export interface WorldPaused {
  /** Why, in the words of who paused it. */
  reason: string;
  /** Who paused it. */
  by: string;
  /** Until when, if it goes on by itself (wall time, RFC 3339). */
  until?: string | null;
}

/** A world's time goes on. */
export interface WorldResumed {
  /** Who resumed it; `until` where the pause had reached its end. */
  by: string;
}

/** How a world is simulated. A persisted resource of each world; it can be changed while the world lives. */
export interface WorldSimulationConfig {
  /** Game seconds in a real second, for a live world: 0.1 to 86,400, with at most six decimals. */
  timeScale?: number;
  /** Real seconds between two steps of a live world: 0.05 to 60. */
  tickIntervalSeconds?: number;
  /** The longest single step in game seconds; more is cut into several, 10,000 at most. 1 to 86,400. */
  maxStepGameSeconds?: number;
  /**
   * The furthest that one tick may move a world that takes its time from ticks, in game days, and never further than
   * 10,000 steps of `maxStepGameSeconds`. 1 to 36,500.
   */
  maxTickJumpDays?: number;
  /**
   * Steps that a live world may be behind and still catch up; what is more is dropped and shows as lag.
   * 1 to 10,000.
   */
  maxCatchUpSteps?: number;
  /** Turns of NPCs in one step, over all tiers: 1 to 1,000,000. */
  maxNpcTicksPerStep?: number;
  /** Operations on generation jobs in one step: 0 to 100,000. Has no effect yet: worlds have no generation jobs. */
  maxJobOpsPerStep?: number;
  /** The four tiers. */
  tiers?: TiersSpec;
  /**
   * The least game seconds that an NPC stays in a tier before a rule or a focus that ended moves it to a coarser
   * one, and before a rule gives it the place of another in a full tier: what keeps it from flapping. Who must give
   * way to another or to a lower `maxNpcs`, and who is in focus or pinned, does not wait. 0 to 604,800.
   */
  tierDwellSeconds?: number;
  /** How much of what happens is told. */
  events?: EventsSpec;
}

/** How a world is simulated, where its time stands, and how its scheduler does. */
export interface WorldSimulationContext {
  /** The world. */
  worldId: WorldId;
  /** The shard that it belongs to, where a server hosts it. */
  shardId?: number | null;
  /** The present game time; nothing before the first tick of a world that ticks drive. */
  currentWorldTime?: GameInstant | null;
  /** How it is simulated. */
  config: WorldSimulationConfig;
  /** How its scheduler does; nothing in a world without one. */
  state?: SchedulerState | null;
}

/** `simulation.event.agent_action`: its payload stands at top level or under `data`. */
export type AgentActionEvent = Partial<BaseEvent> & { event_type: "simulation.event.agent_action" } & (AgentAction | { data: AgentAction });

/** `simulation.event.aggregated_stats`: its payload stands at top level or under `data`. */
export type AggregatedStatsEvent = Partial<BaseEvent> & { event_type: "simulation.event.aggregated_stats" } & (AggregatedStats | { data: AggregatedStats });

/** `simulation.event.crowd_signal`: its payload stands at top level or under `data`. */
export type CrowdSignalEvent = Partial<BaseEvent> & { event_type: "simulation.event.crowd_signal" } & (CrowdSignal | { data: CrowdSignal });

/** `simulation.event.demand_signal`: its payload stands at top level or under `data`. */
export type DemandSignalEvent = Partial<BaseEvent> & { event_type: "simulation.event.demand_signal" } & (DemandSignal | { data: DemandSignal });

/** `simulation.event.diplomacy_summary`: its payload stands at top level or under `data`. */
export type DiplomacySummaryEvent = Partial<BaseEvent> & { event_type: "simulation.event.diplomacy_summary" } & (DiplomacySummary | { data: DiplomacySummary });

/** `simulation.event.diplomacy_update`: its payload stands at top level or under `data`. */
export type DiplomacyUpdateEvent = Partial<BaseEvent> & { event_type: "simulation.event.diplomacy_update" } & (DiplomacyUpdate | { data: DiplomacyUpdate });

/** `simulation.event.market_cleared`: its payload stands at top level or under `data`. */
export type MarketClearedEvent = Partial<BaseEvent> & { event_type: "simulation.event.market_cleared" } & (MarketCleared | { data: MarketCleared });

/** `simulation.event.market_shock`: its payload stands at top level or under `data`. */
export type MarketShockEvent = Partial<BaseEvent> & { event_type: "simulation.event.market_shock" } & (MarketShock | { data: MarketShock });

/** `simulation.event.npc_activity_changed`: its payload stands at top level or under `data`. */
export type NpcActivityChangedEvent = Partial<BaseEvent> & { event_type: "simulation.event.npc_activity_changed" } & (NpcActivityChanged | { data: NpcActivityChanged });

/** `simulation.event.npc_tier_changed`: its payload stands at top level or under `data`. */
export type NpcTierChangedEvent = Partial<BaseEvent> & { event_type: "simulation.event.npc_tier_changed" } & (NpcTierChanged | { data: NpcTierChanged });

/** `simulation.event.population_movement`: its payload stands at top level or under `data`. */
export type PopulationMovementEvent = Partial<BaseEvent> & { event_type: "simulation.event.population_movement" } & (PopulationMovement | { data: PopulationMovement });

/** `simulation.event.social_trend`: its payload stands at top level or under `data`. */
export type SocialTrendEvent = Partial<BaseEvent> & { event_type: "simulation.event.social_trend" } & (SocialTrend | { data: SocialTrend });

/** `simulation.event.world_config_changed`: its payload stands at top level or under `data`. */
export type WorldConfigChangedEvent = Partial<BaseEvent> & { event_type: "simulation.event.world_config_changed" } & (WorldConfigChanged | { data: WorldConfigChanged });

/** `simulation.event.world_paused`: its payload stands at top level or under `data`. */
export type WorldPausedEvent = Partial<BaseEvent> & { event_type: "simulation.event.world_paused" } & (WorldPaused | { data: WorldPaused });

/** `simulation.event.world_resumed`: its payload stands at top level or under `data`. */
export type WorldResumedEvent = Partial<BaseEvent> & { event_type: "simulation.event.world_resumed" } & (WorldResumed | { data: WorldResumed });

/** Everything on simulation.event. */
export type SimulationEvent = AgentActionEvent | AggregatedStatsEvent | CrowdSignalEvent | DemandSignalEvent | DiplomacySummaryEvent | DiplomacyUpdateEvent | MarketClearedEvent | MarketShockEvent | NpcActivityChangedEvent | NpcTierChangedEvent | PopulationMovementEvent | SocialTrendEvent | WorldConfigChangedEvent | WorldPausedEvent | WorldResumedEvent;
