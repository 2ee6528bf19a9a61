"""Networks trained by gradient boosting."""

from skboost.networks._classifier import BoostedNetworkClassifier
from skboost.networks._head import BoostedHeadClassifier, BoostedHeadRegressor
from skboost.networks._layers import LayeredNetwork
from skboost.networks._merged import Network
from skboost.networks._paper import paper_settings
from skboost.networks._regressor import BoostedNetworkRegressor

__all__ = [
    "BoostedHeadClassifier",
    "BoostedHeadRegressor",
    "BoostedNetworkClassifier",
    "BoostedNetworkRegressor",
    "LayeredNetwork",
    "Network",
    "paper_settings",
]
