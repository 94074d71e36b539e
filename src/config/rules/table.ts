import * as callers from './callers.ts';
import * as edges from './edges.ts';
import * as fields from './fields.ts';
import * as models from './models.ts';
import * as mongo from './mongo.ts';
import * as operations from './operations.ts';
import * as paths from './paths.ts';
import * as query from './query.ts';
import type { Rule } from './rule.ts';
import * as secrets from './secrets.ts';
import * as statistics from './statistics.ts';
import * as stores from './stores.ts';
import * as times from './times.ts';

/** What the schema cannot say, because it lies between settings or outside the file. */
export const RULES: readonly Rule[] = [
  secrets.secretsAreVariables,
  stores.addressesAreUrls,
  mongo.mongoDatabasesAreNamed,
  stores.controlIsOnePrismaStore,
  stores.deadlinesAreFar,
  stores.storesAreKnown,
  stores.storesFitTheirSide,
  stores.newSideIsControl,
  times.durationsAreShort,
  paths.pathsAreUnique,
  paths.pathsDoNotShadow,
  paths.pathsAreNotReserved,
  paths.operationsAreUnique,
  edges.messageSchemasExist,
  edges.versionFieldsExist,
  edges.versionNamesAreUnique,
  edges.proxiesAreAddresses,
  edges.redisIsRedis,
  edges.keptAnswersGrowOld,
  models.schemasExist,
  models.modelsExist,
  models.tablesAreUnique,
  models.modelsAreUnique,
  models.fieldsExist,
  models.keysFitTheModel,
  models.referencesFitTheirIds,
  models.softDeletesAreMoments,
  models.sortFieldsHaveOrder,
  models.mergedTextHasAnOrder,
  models.columnsAreUnique,
  fields.referencesAreKnown,
  fields.mappingModulesExist,
  fields.documentSettingsFitTheStore,
  fields.queriesFitTheMapping,
  query.pageSizeIsWithinMaximum,
  query.defaultSortIsSortable,
  query.listsNameOnce,
  statistics.statisticsCanBeMade,
  operations.operationResourcesAreKnown,
  operations.operationModulesExist,
  operations.operationSidesAreClear,
  operations.operationModesAreClear,
  callers.authHasOneKeySource,
  callers.publicKeyIsOne,
  callers.algorithmsFitTheKeys,
  callers.accessNeedsAuth,
  callers.tenantsAreCertain,
  callers.credentialsNeedNamedOrigins,
];
