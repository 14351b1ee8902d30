"""Judged queries: what a shopper might type, and which items answer it, from what the generator knows.

A want is written ``type``, ``type/kind,kind`` or either followed by ``+feature`` (all needed) and ``=color,color``.
Exact wants answer the query; substitutes would do; complements go along with an answer. The rest of a sample of
other items is labeled irrelevant. The text of an item is never looked at.
"""

from .chance import Chance

COMPLEMENTS_SHOWN = 15
OTHERS_SAME_DEPARTMENT = 12
OTHERS_ELSEWHERE = 8

# query | exact | substitute | complement (wants separated by ;)
QUERIES = """
something to keep my coffee warm on the train | flask/commuter,classic | flask/jug,food | coffee; coffee_maker
eat something warm at noon when the office has no kitchen | flask/food | flask/classic; food_box/bento | food_box/glass
serve hot drinks to a whole meeting | flask/jug | flask/classic; coffee_maker/drip | coffee
slice a crusty loaf cleanly | knife/bread | knife/chef,set | food_box/canister
blades for a new kitchen | knife/set | knife/chef | skillet
breakfast omelette that slides right out | skillet/nonstick | skillet/castiron,steel | kettle
brown a rib eye properly | skillet/castiron | skillet/steel,nonstick | knife/chef
make fried rice and chow mein | skillet/wok | skillet/steel,nonstick | knife/chef
barista style drinks in my own kitchen | coffee_maker/espresso | coffee_maker/moka | coffee/dark
coffee should already be brewed when the alarm rings | coffee_maker/drip | coffee_maker/espresso | coffee/ground
I love coffee but it keeps me awake | coffee/decaf | coffee/dark,light,ground | coffee_maker/press
heat water to eighty degrees for delicate tea | kettle +temperature | kettle | flask/classic
stop leftovers from going bad | food_box +airtight | food_box | knife
midday meal for my son at school with separate sections | food_box/bento | food_box/silicone; flask/food | backpack/school
zero waste way to store snacks | food_box/silicone | food_box/glass,canister |
cool down a stuffy attic room | fan/tower,pedestal,ceiling,desk | pillow +cooling; fan/handheld | curtain/thermal
blow air in my face at an open-air concert | fan/handheld | fan/desk +rechargeable | water_bottle; sun_hat
breeze that won't wake the baby | fan +quiet | fan/tower,pedestal,ceiling,desk | baby_monitor
illuminate my textbooks in the evening | lamp/desk | lamp/bedside,floor | office_chair; notebook
my toddler is afraid of the dark | lamp/night | lamp/bedside | plush/classic
calm me down when I am restless in bed | blanket/weighted | blanket/throw,electric | pillow
something to spread on the ground for lunch outdoors | blanket/picnic | | flask/jug; camp_stove/grill
cervical support at night | pillow/memory | pillow/down,body | blanket
rest my head on an overnight flight | pillow/travel | | socks/compression; headphones +anc
lie comfortably while expecting a child | pillow/body | pillow/memory | baby_monitor
the sunrise wakes us up far too early | curtain/blackout | curtain/thermal | pillow
lower my heating bill by covering the glass | curtain/thermal | curtain/blackout | blanket/electric
shelter light enough to carry over the mountains | tent/backpacking | tent/winter,popup | sleeping_bag; backpack/hiking
camping shelter that even a beginner can put up in seconds | tent/popup | tent/backpacking,family | sleeping_bag/summer
keep an infant in the shade at the seaside | tent/beach | sun_hat/kids | sunscreen/kids
camping below zero without shivering | sleeping_bag/winter | sleeping_bag/double; tent/winter | headlamp
what my daughter needs to sleep at summer camp | sleeping_bag/kids | sleeping_bag/summer | headlamp
carry books to class | backpack/school | backpack/laptop,daypack | notebook; water_bottle/kids
take my computer to work on rainy days | backpack/laptop +rain | backpack/laptop; backpack +rain | keyboard/mouse
light I can wear | headlamp/head,runner | headlamp/lantern,torch | tent
something bright for when the electricity goes out | headlamp/lantern,torch | headlamp/head,runner | power_bank
boil water in the forest using branches | camp_stove/wood | camp_stove/gas,double | headlamp
cookout on the terrace | camp_stove/grill | camp_stove/double | blanket/picnic
can't concentrate because my coworkers are loud | headphones +anc | headphones/over,buds | 
music while jogging and still hear cars | headphones/sport | headphones/buds | water_bottle/sport
protect my child's hearing on a long drive | headphones/kids | | water_bottle/kids
songs at the lake with friends | speaker/portable | speaker/radio | power_bank
I can't understand what the actors say on television | speaker/soundbar | speaker/bookshelf | headphones/over
my mobile runs out of juice when I'm out | power_bank/slim | power_bank/large,wall,solar | 
gadgets running on a week-long trek without outlets | power_bank/large,solar | power_bank/slim | backpack/hiking
carpal tunnel from computer work | keyboard/ergo,mouse | keyboard/quiet | office_chair/ergo
type without disturbing anyone | keyboard +silent | keyboard/quiet | lamp/desk
my lower back hurts from sitting all day | office_chair/ergo; office_chair +lumbar | office_chair/gaming,exec,stool | keyboard/ergo
color pages without expensive cartridges | printer/inkjet +tank | printer/inkjet,laser | paper/copy
holiday pictures from my phone to put on the fridge | printer/photo | printer/inkjet | paper/photo
keep track of appointments without a screen | notebook/planner | notebook/dotted,ruled | 
place for my portraits and paintings | notebook/sketch | notebook/dotted; paper/card | 
I don't want to get soaked on my way | rain_jacket/shell,trench | rain_jacket/packable,parka | leash
coat for arctic temperatures | rain_jacket/parka | sweater +warm | work_gloves +warm
knitwear that isn't itchy | sweater +soft | sweater | socks/house
my toes are always cold at home | socks/house | blanket/electric; socks/hiking | 
swollen ankles when flying | socks/compression | socks/dress | pillow/travel
headwear for desert treks | sun_hat/hiking | sun_hat/straw,bucket | sunscreen
burnt shoulders after a day outdoors | sunscreen/after | moisturizer/body | sun_hat
protect toddler skin in the pool | sunscreen/kids | sunscreen/body,face | sun_hat/kids
skin on my fingers is dry and split | moisturizer/hand | moisturizer/body | work_gloves
look younger overnight | moisturizer/night | moisturizer/day | pillow
nothing scented, my face reacts to everything | moisturizer/day,night +fragrance; sunscreen/face +sensitive | moisturizer +fragrance; sunscreen +sensitive | 
make my locks smooth and less frizzy | hair_dryer/straightener; hair_dryer +ionic | hair_dryer/dryer | 
teach my daughter programming | blocks/robot | blocks/magnet,marble | 
play together instead of against each other | board_game/coop | board_game/family,card | 
put together a picture from a thousand little pieces | board_game/puzzle | board_game | 
soothe a child's tummy ache | plush/heat | plush/classic | 
my plants die whenever I travel | hose/drip; planter +selfwater | hose/sprinkler | planter/raised
vegetable patch for someone with a bad back | planter/raised | planter/window | pruner/trowel
trim the top of a tall tree | pruner/lopper | pruner/secateurs | work_gloves/garden
take out weeds without hurting my knees | pruner/weeder | pruner/trowel | work_gloves/garden
comfort for an aging labrador | dog_bed/ortho | dog_bed/donut,raised | leash/harness
my dog is terrified of thunderstorms | dog_bed/donut | dog_bed/ortho,travel | plush
stop kitty from destroying the sofa | scratcher/post,lounge | scratcher/tree | pet_bowl
tugging all the time on walks | leash/harness | leash/leash | dog_bed
my labrador inhales his dinner | pet_bowl/slow | pet_bowl/auto | dog_bed
feed my pets while nobody is home | pet_bowl/auto | pet_bowl/slow | scratcher
get strong at home in a tiny flat | dumbbell/adjust,band | dumbbell/fixed,kettlebell | yoga_mat
my hands slide in sweaty stretching classes | yoga_mat/cork; yoga_mat +grip | yoga_mat | water_bottle
drink safely from a river | water_bottle/filter | water_bottle/steel,sport | backpack/hiking
remind me to drink more | water_bottle/big | water_bottle/steel,sport | 
be noticed by cars when cycling in the dark | bike_light/lights; bike_light +visible | backpack +reflective; rain_jacket +reflective | bike_light/lock
prevent my ride from being stolen in the city | bike_light/lock | | bike_light/lights
reassurance that my newborn is fine all night | baby_monitor/breath | baby_monitor/video,audio | plush/comfort
go running with the baby in the woods | baby_carrier/jogger | baby_carrier/stroller | water_bottle/sport
hold an infant close and keep both hands free | baby_carrier/carrier,wrap | | baby_carrier/bag
fasten a bookcase to a cement wall | drill/hammer | drill/cordless | drill_bits/masonry
assemble a wardrobe that came in a box | drill/screwdriver | drill/cordless; toolbox/set | drill_bits/driver
restore a weathered wooden table | drill/sander | | work_gloves/goggles
check whether shelves are level | toolbox/measure | toolbox/set | drill
gift for a grandmother who is always cold | blanket/electric,throw; socks/house | sweater +warm; blanket/weighted; plush/heat | flask
vacuum flask | flask/classic | flask/commuter,food,jug | coffee
navy backpack | backpack =navy | backpack | 
wireless earbuds | headphones/buds | headphones/over,sport | 
cat tree | scratcher/tree | scratcher/post,window,lounge | 
office chair | office_chair/ergo,gaming,exec | office_chair/stool | lamp/desk
printer paper | paper/copy,photo | paper/card,labels | printer
family tent | tent/family | tent/popup,backpacking | sleeping_bag
espresso machine | coffee_maker/espresso | coffee_maker/moka | coffee/dark
merino socks | socks +merino | socks | 
quiet kettle | kettle +quiet | kettle | 
black lamp | lamp =black | lamp | 
waterproof bluetooth speaker | speaker/portable +waterproof | speaker/portable | 
"""


class Want:
    """A condition on what an item is."""

    def __init__(self, text):
        head, *rest = text.split(" ", 1)
        self.type, _, kinds = head.partition("/")
        self.kinds = tuple(kinds.split(",")) if kinds else ()
        self.features, self.colors = (), ()
        for token in rest[0].split() if rest else ():
            if token.startswith("+"):
                self.features += (token[1:],)
            else:
                self.colors = tuple(token[1:].split(","))

    def accepts(self, item):
        """Whether the item is what is wanted."""
        has = [feature.key for feature in item.features]
        return (
            item.type.key == self.type
            and (not self.kinds or item.kind.key in self.kinds)
            and all(feature in has for feature in self.features)
            and (not self.colors or item.record["color"] in self.colors)
        )


def parse_queries(table=QUERIES):
    """The table above as (query, exact, substitute, complement), the last three tuples of wants."""
    rows = []
    for line in table.strip().splitlines():
        query, *cells = (cell.strip() for cell in line.split("|"))
        rows.append((query, *(tuple(Want(one.strip()) for one in cell.split(";") if one.strip()) for cell in cells)))
    return rows


def make_judgments(seed, items):
    """One object per query: its text and the labels of all answers and of a sample of everything else."""
    return [
        {"query": query, "labels": _labels(Chance(seed, "labels of " + query), items, exact, substitute, complement)}
        for query, exact, substitute, complement in parse_queries()
    ]


def _labels(chance, items, exact, substitute, complement):
    labels = {}
    for label, wants in (("exact", exact), ("substitute", substitute)):
        for item in items:
            if item.id not in labels and any(want.accepts(item) for want in wants):
                labels[item.id] = label
    departments = {item.department.name for item in items if labels.get(item.id) == "exact"}
    rest = chance.shuffled([item for item in items if item.id not in labels])
    along = [item for item in rest if any(want.accepts(item) for want in complement)]
    others = [item for item in rest if not any(want.accepts(item) for want in complement)]
    near = [item for item in others if item.department.name in departments]
    far = [item for item in others if item.department.name not in departments]
    labels.update((item.id, "complement") for item in along[:COMPLEMENTS_SHOWN])
    labels.update((item.id, "irrelevant") for item in near[:OTHERS_SAME_DEPARTMENT] + far[:OTHERS_ELSEWHERE])
    return dict(sorted(labels.items()))
