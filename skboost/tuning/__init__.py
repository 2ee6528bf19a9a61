"""Search of hyper-parameters with Optuna: parallel, reproducible, and able to go on after a crash."""

from skboost._optional import import_optional

import_optional("optuna", extra="tuning", purpose="skboost.tuning")

from skboost.tuning._comparison import compare_samplers  # noqa: E402
from skboost.tuning._comparison_result import SamplerComparison  # noqa: E402
from skboost.tuning._cost_model import CostModelSampler  # noqa: E402
from skboost.tuning._default_spaces import default_space, register_space  # noqa: E402
from skboost.tuning._domination import non_dominated_rank, pareto_mask  # noqa: E402
from skboost.tuning._extrapolation import ExtrapolationPruner  # noqa: E402
from skboost.tuning._fold_racing import FoldRacingPruner  # noqa: E402
from skboost.tuning._hype import HypeSelection, hype_contributions  # noqa: E402
from skboost.tuning._keyed import KeyedSampler  # noqa: E402
from skboost.tuning._limits import FitTimeoutError  # noqa: E402
from skboost.tuning._nested import nested_cv  # noqa: E402
from skboost.tuning._nested_result import NestedResult, ParameterAgreement  # noqa: E402
from skboost.tuning._nsga3 import ReferencePointSelection, nsga3_selection  # noqa: E402
from skboost.tuning._plan import SearchPlan  # noqa: E402
from skboost.tuning._quasirandom import QuasiRandomSampler  # noqa: E402
from skboost.tuning._score_table import ScoreTable  # noqa: E402
from skboost.tuning._search import OptunaSearchCV  # noqa: E402
from skboost.tuning._tabu import TabuSampler  # noqa: E402
from skboost.tuning._tabulation import tabulate  # noqa: E402

__all__ = [
    "CostModelSampler",
    "ExtrapolationPruner",
    "FitTimeoutError",
    "FoldRacingPruner",
    "HypeSelection",
    "KeyedSampler",
    "NestedResult",
    "OptunaSearchCV",
    "ParameterAgreement",
    "QuasiRandomSampler",
    "ReferencePointSelection",
    "SamplerComparison",
    "ScoreTable",
    "SearchPlan",
    "TabuSampler",
    "compare_samplers",
    "default_space",
    "hype_contributions",
    "nested_cv",
    "non_dominated_rank",
    "nsga3_selection",
    "pareto_mask",
    "register_space",
    "tabulate",
]
